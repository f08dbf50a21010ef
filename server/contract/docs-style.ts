export const style = `
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--paper); overflow-wrap: break-word; }
a { color: var(--accent); }
.contents { padding: .75rem 1.25rem; border-bottom: 1px solid var(--line); font-size: .875rem; }
.contents ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
.contents ul ul { display: none; }
.contents a { display: block; padding: .25rem 0; color: var(--soft); }
main { max-width: 48rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
footer nav { max-width: 48rem; margin: 0 auto; padding: 0 1.25rem; }
h1 { margin: 0; font-size: clamp(1.75rem, 5vw, 2.5rem); line-height: 1.25; font-weight: 600; }
h2 { margin: 4rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.5rem; line-height: 1.25; }
h3 { margin: 2.5rem 0 0; font-size: 1.0625rem; line-height: 1.75; }
h4, caption, summary { margin: 1.5rem 0 0; padding: 0; font-size: .875rem; font-weight: 600; text-align: left; }
p { margin: .75rem 0 0; max-width: 42rem; }
.lead { font-size: 1.125rem; }
.notes { margin: .75rem 0 0; padding-left: 1.25rem; max-width: 42rem; }
.notes li { margin-top: .375rem; }
small { color: var(--soft); font-size: .8125rem; }
.method { display: inline-block; min-width: 4.25rem; padding: 0 .5rem; border-radius: .375rem; color: var(--paper); background: var(--good); font-size: .8125rem; line-height: 1.5rem; text-align: center; }
.method.get { background: var(--accent); }
.method.delete { background: var(--bad); }
.summary { display: block; font-weight: 400; }
code { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { margin: .5rem 0 0; padding: .625rem .875rem; border-radius: .5rem; background: var(--shade); white-space: pre-wrap; }
pre.command { border-left: 3px solid var(--accent); }
table { width: 100%; margin-top: 1.5rem; border-collapse: collapse; table-layout: fixed; }
caption { margin: 0; padding-bottom: .375rem; }
th, td { padding: .5rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }
th { width: 7.5rem; padding-right: .75rem; }
table.statuses th { width: 3.5rem; }
td small, th small { display: block; }
details { margin-top: 1.25rem; }
details table { margin-top: .5rem; }
summary { padding: .375rem 0; cursor: pointer; }
@media (min-width: 64rem) {
  body { display: grid; grid-template-columns: 16rem minmax(0, 1fr); }
  .contents { grid-row: span 2; position: sticky; top: 0; height: 100vh; height: 100dvh; padding: 2rem 1.25rem; overflow-y: auto; border: 0; border-right: 1px solid var(--line); }
  .contents ul { display: block; }
  .contents > ul > li { margin-bottom: .75rem; }
  .contents > ul > li > a { color: var(--ink); font-weight: 600; }
  .contents ul ul { display: block; }
  .contents li li a { padding: .125rem 0; text-decoration: none; }
  .contents b { display: inline-block; min-width: 3.5rem; font-size: .6875rem; }
  main { width: 100%; padding-top: 2rem; }
}
`
