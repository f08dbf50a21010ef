export const style = `
:root { font: 1rem/1.5 system-ui, sans-serif; --ink: #1b1b1f; --soft: #5d5d66; --line: #c9c9d1; --paper: #fbfbfd; --accent: #2b50c8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1; --soft: #a5a5b0; --line: #45454f; --paper: #16161a; --accent: #9db2ff; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; color: var(--ink); background: var(--paper); }
main { flex: 1; display: flex; flex-direction: column; justify-content: center; gap: 2rem; width: min(48rem, 100%); margin: 0 auto; padding: 2rem 1.25rem; }
h1 { margin: 0; font-size: clamp(1.5rem, 5vw, 2.5rem); line-height: 1.25; font-weight: 600; overflow-wrap: anywhere; white-space: pre-wrap; max-height: 60vh; overflow-y: auto; }
.long h1 { font-size: 1.25rem; font-weight: 500; line-height: 1.4; }
form { display: grid; gap: .75rem; max-width: 32rem; }
form[hidden] { display: none; }
label { display: grid; gap: .25rem; color: var(--soft); font-size: .875rem; }
input, textarea { font: inherit; font-size: 1rem; color: var(--ink); background: transparent; border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; width: 100%; resize: vertical; }
button { justify-self: start; font: inherit; font-weight: 600; color: var(--paper); background: var(--accent); border: 0; border-radius: .5rem; padding: .5rem 1.25rem; min-height: 2.75rem; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
output { min-height: 1.5rem; color: var(--soft); }
code { font-size: .875em; overflow-wrap: anywhere; }
footer { padding: 1rem 1.25rem; border-top: 1px solid var(--line); }
nav { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; width: min(48rem, 100%); margin: 0 auto; font-size: .875rem; }
nav a { color: var(--soft); padding: .25rem 0; }
nav a[aria-current] { color: var(--ink); text-decoration: none; }
`
