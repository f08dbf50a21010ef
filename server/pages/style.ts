/** The style of all pages; text has a contrast of at least 4.5:1. */
export const commonStyle = `
:root { font: 1rem/1.5 system-ui, sans-serif; --ink: #1b1b1f; --soft: #5d5d66; --line: #c9c9d1; --paper: #fbfbfd; --shade: #f1f1f5; --card: #fff; --accent: #2b50c8; --other: #a8480a; --good: #1c6b40; --warn: #8a5a00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1; --soft: #a5a5b0; --line: #45454f; --paper: #16161a; --shade: #212127; --card: #1c1c21; --accent: #9db2ff; --other: #ffb27d; --good: #7fd3a2; --warn: #f0c46c; --bad: #ff9d94; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
footer { padding: 1rem 0; border-top: 1px solid var(--line); }
footer nav { display: flex; flex-wrap: wrap; gap: .5rem 1rem; font-size: .875rem; }
footer a { color: var(--soft); padding: .25rem 0; }
footer a[aria-current] { color: var(--ink); text-decoration: none; }
`

/** A page with one column: content in the middle, links below. */
export const columnStyle = `
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; color: var(--ink); background: var(--paper); }
main, footer nav { width: min(48rem, 100%); margin: 0 auto; padding: 0 1.25rem; }
main { flex: 1; display: flex; flex-direction: column; justify-content: center; gap: 2rem; padding-block: 2rem; }
h1 { margin: 0; font-size: clamp(1.5rem, 5vw, 2.5rem); line-height: 1.25; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0; overflow-wrap: anywhere; }
`

/** For pages with forms. */
export const formStyle = `
form { display: grid; gap: .75rem; max-width: 32rem; }
label { display: grid; gap: .25rem; color: var(--soft); font-size: .875rem; }
input, textarea { font: inherit; font-size: 1rem; color: var(--ink); background: transparent; border: 1px solid var(--soft); border-radius: .5rem; padding: .5rem .75rem; width: 100%; min-height: 2.75rem; resize: vertical; }
[aria-invalid=true] { border-color: var(--bad); }
.buttons { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; }
button { font: inherit; font-weight: 600; color: var(--paper); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; padding: .5rem 1.25rem; min-height: 2.75rem; cursor: pointer; }
button[type=button], .quiet button { color: var(--accent); background: transparent; }
.error { color: var(--bad); }
.error::before { content: '▲ ' / ''; }
`

/** For pages of text, lists and forms, from the top. */
export const serviceStyle = `${columnStyle}${formStyle}
main { justify-content: flex-start; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 1.125rem; line-height: 1.25; font-weight: 600; }
section { display: grid; gap: .75rem; }
main a, summary { color: var(--accent); }
.lead { font-size: 1.25rem; }
h1 + .lead { margin-top: -1.25rem; color: var(--soft); }
.soft { color: var(--soft); font-size: .875rem; }
details form, details p { margin-top: .75rem; }
summary { cursor: pointer; padding: .375rem 0; }
`
