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
