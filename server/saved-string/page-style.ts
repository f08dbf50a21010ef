import { columnStyle, formStyle } from '../pages/style.ts'

export const style = `${columnStyle}${formStyle}
h1 { white-space: pre-wrap; max-height: 60vh; overflow-y: auto; }
.long h1 { font-size: 1.25rem; font-weight: 500; line-height: 1.4; }
#saved { margin-top: -1rem; color: var(--soft); font-size: .875rem; }
output { min-height: 1.5rem; color: var(--good); overflow-wrap: anywhere; }
output.error { color: var(--bad); }
output.error::before, #connection:not(:empty)::before { content: '▲ ' / ''; }
#connection { min-height: 1.5rem; margin: -1.5rem 0; color: var(--warn); }
main a { color: var(--accent); }
`
