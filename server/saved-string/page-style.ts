import { columnStyle } from '../pages/style.ts'

export const style = `${columnStyle}
h1 { white-space: pre-wrap; max-height: 60vh; overflow-y: auto; }
.long h1 { font-size: 1.25rem; font-weight: 500; line-height: 1.4; }
form { display: grid; gap: .75rem; max-width: 32rem; }
label { display: grid; gap: .25rem; color: var(--soft); font-size: .875rem; }
input, textarea { font: inherit; font-size: 1rem; color: var(--ink); background: transparent; border: 1px solid var(--soft); border-radius: .5rem; padding: .5rem .75rem; width: 100%; resize: vertical; }
[aria-invalid=true] { border-color: var(--bad); }
.buttons { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; }
button { font: inherit; font-weight: 600; color: var(--paper); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; padding: .5rem 1.25rem; min-height: 2.75rem; cursor: pointer; }
button[type=button] { color: var(--accent); background: transparent; }
output { min-height: 1.5rem; color: var(--good); overflow-wrap: anywhere; }
output.error { color: var(--bad); }
output.error::before, #connection:not(:empty)::before { content: '▲ ' / ''; }
#connection { min-height: 1.5rem; margin: -1.5rem 0; color: var(--warn); }
code { font-size: .875em; overflow-wrap: anywhere; }
`
