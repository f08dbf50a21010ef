import type { Health } from '../operations/health.ts'
import { hoursSinceDrill, offsiteHours, problemsOf } from '../operations/problems.ts'
import { largest, parseMetrics, type Series, total } from '../operations/series.ts'
import { linePath, topOf } from './chart.ts'
import { format, span } from './format.ts'
import { failuresOf, type Point, pointOf, refusals } from './point.ts'

/**
 * Runs in the browser, sent as source after the functions that page.ts sends: it must not use
 * anything else from outside itself. Polls the server and shows its state.
 */
export function watchServer() {
  const everyMs = 2000
  const windowMs = 5 * 60_000
  const form = document.querySelector('form') as HTMLFormElement
  const field = form.elements.namedItem('token') as HTMLInputElement
  const counters = new Map<string, number>()
  let points: Point[] = []
  let token = sessionStorage.getItem('token') ?? ''
  // Not requested again with the same token: it would only count as another 401.
  let refused = false
  let looking = false
  let timer: ReturnType<typeof setTimeout>
  let heardAt = 0
  let countedAt = 0

  ;(document.querySelector('main') as HTMLElement).hidden = false
  setText('verdict', 'Connecting')
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    token = field.value.trim()
    // Browsers cannot send most other characters in a header.
    refused = !/^[!-~]+$/.test(token)
    if (refused) refuse()
    else look()
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look()
  })
  look()

  async function look() {
    if (looking) return
    looking = true
    clearTimeout(timer)
    await update().catch(renderSilence)
    looking = false
    if (!document.hidden) timer = setTimeout(look, everyMs)
  }

  async function update() {
    const response = await get('/healthz', refused ? {} : authorization())
    const health: Health = await response.json()
    const series = refused ? [] : await readMetrics()
    // By the clock of the server, like all times in its answers.
    const now = Date.parse(response.headers.get('date') ?? '')
    heardAt = Date.now()
    if (series.length > 0) renderNumbers(series, now)
    renderWorkers(health, series, now)
    renderHttps(health, now)
    renderVerdict(health, series, now)
  }

  async function readMetrics(): Promise<Series[]> {
    const response = await get('/metrics', authorization())
    if (response.ok && token) sessionStorage.setItem('token', token)
    refused = response.status === 401
    form.hidden = !refused
    byId('numbers').hidden = refused
    if (refused) refuse()
    if (!response.ok && !refused) throw new Error(`/metrics answers ${response.status}`)
    return refused ? [] : parseMetrics(await response.text())
  }

  function refuse() {
    field.setAttribute('aria-invalid', String(token !== ''))
    setText('hint', token ? 'The token is wrong: check it for typos.' : '')
  }

  function authorization() {
    return token ? { Authorization: `Bearer ${token}` } : {}
  }

  function get(path: string, headers = {}): Promise<Response> {
    return fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(10_000) })
  }

  function renderSilence() {
    const since = heardAt > 0 ? ` for ${span((Date.now() - heardAt) / 1000)}` : ''
    document.body.className = 'silent'
    setText('verdict', 'The server does not answer')
    setText('problems', `No answer${since}. Retrying every ${everyMs / 1000} seconds.`)
  }

  function renderVerdict(health: Health, series: Series[], now: number) {
    const problems = problemsOf(health, series, failuresOf(points), now)
    const good = series.length > 0 ? 'All is well' : 'The server answers'
    document.body.className = problems.length > 0 ? 'troubled' : 'well'
    setText('verdict', problems.length > 0 ? 'Needs attention' : good)
    setText('problems', problems.join(' '))
  }

  function renderWorkers({ deploy, workers, silent = [] }: Health, series: Series[], now: number) {
    const ageOf = (time: string) => span((now - Date.parse(time)) / 1000)
    const rows = workers.map(({ worker, release, startedAt, draining }) => {
      const memory = total(series, 'process_resident_memory_bytes', (one) => one.worker === worker)
      const size = series.length > 0 ? format(memory, 'B') : '–'
      return [worker, release.slice(0, 12), draining ? 'draining' : ageOf(startedAt), size]
    })
    const missing = silent.map((worker) => [worker, '–', 'silent', '–'])
    fill('workers', [...rows, ...missing])
    byId('deploy').hidden = deploy === undefined
    if (deploy === undefined) return
    setText('deploy-status', deploy.status)
    setText('deploy-release', deploy.release?.slice(0, 12) ?? '–')
    setText('deploy-age', ageOf(deploy.at))
    setText('deploy-reason', deploy.reason ?? '')
    setText('deploy-log', deploy.log?.join('\n') ?? '')
  }

  function renderHttps({ https }: Health, now: number) {
    byId('https').hidden = https === undefined
    if (https === undefined) return
    const left = (time = '') => (time ? span((Date.parse(time) - now) / 1000) : '–')
    setText('https-names', https.names.join(', ') || 'none yet')
    setText('https-expiry', left(https.expiresAt))
    setText('https-next', https.nextTryAt ? `in ${left(https.nextTryAt)}` : '–')
    setText('https-problem', https.problem ?? 'none')
  }

  function renderNumbers(series: Series[], now: number) {
    const at = performance.now()
    const seconds = (at - countedAt) / 1000
    if (counters.size > 0) points.push(pointOf(counters, series, { at, seconds }))
    points = points.filter((point) => point.at > at - windowMs)
    for (const { key, value } of series) counters.set(key, value)
    countedAt = at
    for (const chart of document.querySelectorAll('figure')) draw(chart, at)
    const errors = refusals(points).map(([status, meaning, count]) => [
      status,
      meaning,
      format(count),
    ])
    fill('errors', errors.length > 0 ? errors : [['–', 'none', '0']])
    renderMachine(series, now)
  }

  function renderMachine(series: Series[], now: number) {
    const backupAt = largest(series, 'onebox_backup_last_success_timestamp_seconds')
    const size = format(largest(series, 'onebox_backup_size_bytes'), 'B')
    setText('backup', backupAt > 0 ? `${span(now / 1000 - backupAt)} ago, ${size}` : 'none yet')
    const [offsite, drill] = [offsiteHours(series, now)[0], hoursSinceDrill(series, now)]
    setText('offsite', agoText(offsite, now))
    setText('drill', agoText(drill, now))
    setText('database', format(largest(series, 'onebox_database_bytes'), 'B'))
    renderFree('disk', series, 'onebox_disk_free_bytes', 'onebox_disk_bytes')
    renderFree('memory', series, 'onebox_memory_available_bytes', 'onebox_memory_bytes')
  }

  function agoText(hours: number, now: number): string {
    if (Number.isNaN(hours)) return '–'
    return hours * 3_600_000 < now ? `${span(hours * 3600)} ago` : 'none yet'
  }

  function renderFree(id: string, series: Series[], part: string, whole: string) {
    const [free, all] = [largest(series, part), largest(series, whole)]
    const meter = byId(`${id}-meter`) as HTMLMeterElement
    meter.hidden = all === 0
    if (meter.hidden) return setText(id, '–')
    setText(id, `${format(free, 'B')} free of ${format(all, 'B')}`)
    meter.value = 1 - free / all
  }

  /** A figure has its unit, and the names of the values that it shows, as data attributes. */
  function draw(chart: HTMLElement, at: number) {
    const { unit = '' } = chart.dataset
    const lines = [...chart.querySelectorAll<SVGPathElement>('[data-line]')]
    const valuesOf = (name = '') => points.map(({ at, values }) => ({ at, value: values[name] }))
    const all = lines.flatMap(({ dataset }) => valuesOf(dataset.line).map(({ value }) => value))
    const top = topOf(all, unit)
    const scale = { from: at - windowMs, to: at, top, gap: 3 * everyMs }
    const latest = lines.map((line, index) => {
      const values = valuesOf(line.dataset.line)
      line.setAttribute('d', linePath(values, scale))
      const text = format(values.at(-1)?.value, unit)
      const output = chart.querySelectorAll('b')[index] as HTMLElement
      output.textContent = text
      return text
    })
    const title = chart.querySelector('figcaption')?.textContent
    const label = `${title}: ${latest.join(' and ')} now, on a scale to ${format(top, unit)}`
    chart.querySelector('svg')?.setAttribute('aria-label', label)
    const end = chart.querySelector('small') as HTMLElement
    end.textContent = format(top, unit)
  }

  function fill(id: string, rows: string[][]) {
    const body = byId(id)
    const shown = JSON.stringify(rows)
    if (body.dataset.shown === shown) return
    body.dataset.shown = shown
    body.replaceChildren(
      ...rows.map((cells) => {
        const row = document.createElement('tr')
        for (const text of cells) row.insertCell().textContent = text
        return row
      }),
    )
  }

  function setText(id: string, text: string) {
    if (byId(id).textContent !== text) byId(id).textContent = text
  }

  function byId(id: string): HTMLElement {
    return document.getElementById(id) as HTMLElement
  }
}
