import { fixed, type Reply, script } from '../http/reply.ts'
import * as problems from '../operations/problems.ts'
import * as series from '../operations/series.ts'
import { createFrame, type Page } from '../pages/frame.ts'
import * as chart from './chart.ts'
import * as format from './format.ts'
import { watchServer } from './page-script.ts'
import { style } from './page-style.ts'
import * as point from './point.ts'

// Functions call each other by name, even if the bundle has renamed them.
const parts = [series, problems, point, chart, format].flatMap((file) => Object.values(file))
export const statusScript = script(`${parts.join('\n')}\n(${watchServer})()`)

/** The page for operators: it contains no data, which its script requests. */
export function renderStatus(): Reply {
  const page: Page = { title: 'onebox status', style, script: '/status.js', path: '/status' }
  const { before, after, headers } = createFrame(page)
  return fixed(before + content + after, headers)
}

const charts = [
  figure('Requests per second', '', { requests: 'all', writes: 'writes' }),
  figure('Response time', 's', { p50: 'p50', p99: 'p99' }),
  figure('Errors per second', '', { '4xx': '4xx', '5xx': '5xx' }),
  figure('Connections', '', { connections: 'open', streams: 'event streams' }),
  figure('CPU', '%', { cpu: 'of one core', steal: 'withheld by the host' }),
  figure('Memory', 'B', { memory: 'all workers' }),
]

const content = `<header>
<h1>onebox status</h1>
<div role="status">
<p id="verdict"></p>
<p id="problems"></p>
</div>
<noscript><p>This page needs JavaScript. Without it, see <code>/healthz</code> and <code>/metrics</code>.</p></noscript>
</header>
<main hidden>
<form hidden>
<h2>Metrics need the token of this server</h2>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required aria-describedby="hint">
<button>Show metrics</button>
<p id="hint" role="alert"></p>
</form>
<div id="numbers">
<h2>Last five minutes</h2>
<div class="charts">
${charts.join('')}</div>
<div class="panels">
${panel('Machine', '', [
  fact('Last backup', 'backup'),
  fact('In the bucket', 'offsite'),
  fact('Restore drill', 'drill'),
  fact('Database', 'database'),
  fact('Disk', 'disk', meter('disk', 'Disk in use')),
  fact('Memory', 'memory', meter('memory', 'Memory in use')),
])}
<section>
<h2>Errors in the last five minutes</h2>
${table('errors', ['Status', 'Meaning', 'Count'])}
</section>
</div>
</div>
<div class="panels">
${panel('HTTPS', ' id="https" hidden', [
  fact('Certificate', 'https-names'),
  fact('Expires in', 'https-expiry'),
  fact('Next', 'https-next'),
  fact('Problem', 'https-problem'),
])}
${panel('Deploy', ' id="deploy" hidden', [
  fact('State', 'deploy-status'),
  fact('Release', 'deploy-release'),
  fact('Since', 'deploy-age'),
  fact('Reason', 'deploy-reason'),
  fact('Log', 'deploy-log'),
])}
<section>
<h2>Workers</h2>
${table('workers', ['Worker', 'Release', 'Up for', 'Memory'])}
</section>
</div>
<p class="note">Updates every two seconds while this tab is visible. The data stays in this tab.</p>
</main>
`

/** `lines` are the names of a point's values, each with its label. */
function figure(title: string, unit: string, lines: Record<string, string>): string {
  const keys = Object.values(lines).map((name) => `<span>${name} <b>–</b></span>`)
  const paths = Object.keys(lines).map((name) => `<path data-line="${name}"/>`)
  return `<figure data-unit="${unit}">
<figcaption>${title}</figcaption>
<small>–</small>
<p>${keys.join(' ')}</p>
<svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label="${title}"><path d="M0,0H300M0,50H300M0,100H300"/>${paths.join('')}</svg>
</figure>
`
}

function panel(title: string, attributes: string, facts: string[]): string {
  return `<section${attributes}>
<h2>${title}</h2>
<dl>
${facts.join('\n')}
</dl>
</section>`
}

function fact(name: string, id: string, more = ''): string {
  return `<div><dt>${name}</dt><dd><span id="${id}">–</span>${more}</dd></div>`
}

function meter(id: string, label: string): string {
  return `<meter id="${id}-meter" hidden value="0" aria-label="${label}" low="0.75" high="0.9" optimum="0"></meter>`
}

function table(id: string, columns: string[]): string {
  const heads = columns.map((column) => `<th scope="col">${column}</th>`)
  return `<table><thead><tr>${heads.join('')}</tr></thead><tbody id="${id}"></tbody></table>`
}
