export const style = `
body { margin: 0 auto; max-width: 76rem; padding: 1.25rem; color: var(--ink); background: var(--shade); font-variant-numeric: tabular-nums; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.5rem; margin-bottom: 1.25rem; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; font-weight: 600; }
h2 { margin: 0 0 .75rem; font-size: 1rem; line-height: 1.5; font-weight: 600; }
p { margin: 0; }
#verdict { font-weight: 600; color: var(--soft); }
#verdict:not(:empty)::before { content: '○ '; }
.well #verdict { color: var(--good); }
.well #verdict:not(:empty)::before { content: '● '; }
.troubled #verdict { color: var(--warn); }
.troubled #verdict:not(:empty)::before { content: '▲ '; }
.silent #verdict { color: var(--bad); }
.silent #verdict:not(:empty)::before { content: '✕ '; }
.silent main { opacity: .6; }
[role=status] { flex: 1 20rem; display: flex; flex-wrap: wrap; gap: 0 1rem; }
main { display: grid; gap: 1.25rem; }
form, figure, section { margin: 0; padding: .875rem 1rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); min-width: 0; }
.charts, .panels { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
.charts { margin-bottom: 1.25rem; }
figure { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; }
figcaption { font-weight: 600; font-size: .875rem; }
figure small { align-self: end; color: var(--soft); font-size: .75rem; }
figure p { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0 1rem; color: var(--soft); font-size: .8125rem; }
figure b { color: var(--ink); font-size: 1.125rem; }
figure span::before { content: ''; display: inline-block; width: .875rem; margin-right: .375rem; vertical-align: middle; border-top: 2px solid var(--accent); }
figure span + span::before { border-top: 2px dashed var(--other); }
svg { grid-column: 1 / -1; display: block; width: 100%; height: 5.5rem; margin-top: .25rem; overflow: visible; }
path { fill: none; stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
path[data-line] { stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
path[data-line] ~ path[data-line] { stroke: var(--other); stroke-dasharray: 4 3; stroke-linecap: butt; }
dl { margin: 0; }
dl div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: .375rem 0; border-top: 1px solid var(--line); font-size: .875rem; }
dl div:has(dd span:empty) { display: none; }
#deploy-log { white-space: pre-wrap; font-family: ui-monospace, monospace; font-size: .75rem; }
dt { color: var(--soft); }
dd { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .75rem; margin: 0; overflow-wrap: anywhere; }
meter { width: 6rem; height: .875rem; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--line); text-align: left; font-weight: 400; white-space: nowrap; }
th { color: var(--soft); }
td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; text-align: right; }
form { display: grid; gap: .5rem; max-width: 28rem; }
form h2 { margin: 0; }
label { color: var(--soft); font-size: .875rem; }
input { font: inherit; color: var(--ink); background: transparent; border: 1px solid var(--soft); border-radius: .5rem; padding: .5rem .75rem; width: 100%; }
[aria-invalid=true] { border-color: var(--bad); }
#hint { min-height: 1.5rem; color: var(--bad); font-size: .875rem; }
button { justify-self: start; font: inherit; font-weight: 600; color: var(--card); background: var(--accent); border: 0; border-radius: .5rem; padding: .5rem 1.25rem; min-height: 2.75rem; cursor: pointer; }
.note { margin-bottom: 1.25rem; color: var(--soft); font-size: .8125rem; }
`
