import { serviceStyle } from '../pages/style.ts'

export const style = `${serviceStyle}
.finders { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.finders form { grid-template-columns: 1fr auto; align-items: end; flex: 1 16rem; }
.drawings { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem; }
figure { flex: 1 18rem; margin: 0; min-width: 0; max-width: 22.5rem; }
figcaption { font-weight: 600; font-size: .875rem; }
img { display: block; width: 100%; height: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem 0; border-top: 1px solid var(--line); text-align: start; vertical-align: baseline; font-weight: 400; }
th { color: var(--soft); font-size: .875rem; border-top: 0; }
th + th, td + td { padding-inline-start: 1rem; }
th:first-child, td:first-child { width: 3.5rem; color: var(--soft); }
th:last-child, td:last-child { width: 4.5rem; text-align: end; }
.more { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; }
dl { margin: 0; }
dl div { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .5rem 0; border-top: 1px solid var(--line); }
dt { flex: 0 0 9rem; color: var(--soft); }
dd { flex: 1 12rem; margin: 0; white-space: pre-wrap; }
ul { margin: 0; padding: 0; list-style: none; }
td a { text-decoration: none; }
td a:hover { text-decoration: underline; }
.plot { white-space: pre-line; max-width: 40rem; }
.long { font-size: 1.25rem; }
code { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
`
