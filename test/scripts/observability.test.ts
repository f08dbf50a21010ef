import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import dashboard from '../../docs/observability/grafana-dashboard.json' with { type: 'json' }
import { makeCertificate } from '../support/certificates.ts'
import { send } from '../support/http.ts'
import { makeDataDir, startServer } from '../support/server.ts'
import { needs } from '../support/tools.ts'

const folder = resolve(import.meta.dirname, '../../docs/observability')
const rules = ['alerts', 'service-levels']
const alerts = rules.map((name) => readFileSync(join(folder, `${name}.yml`), 'utf8')).join('')
const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
const skip = needs('promtool')

// What Prometheus adds to each series by itself.
const addedLabels = ['instance', 'job']

test('every metric and label of the alerts and the dashboard is one that a server reports', async (t) => {
  const certificate = join(makeDataDir(), 'tls.pem')
  writeFileSync(certificate, makeCertificate(['127.0.0.1']).pem)
  const env = {
    TLS_FILE: certificate,
    TLS_PORT: '0',
    OFFSITE_URL: 'https://backups.example',
    OFFSITE_STATE_FILE: join(makeDataDir(), 'offsite.json'),
  }
  const metrics = await scrape(await startServer(t, env))
  const series = [...metrics.matchAll(/^([a-z0-9_]+)\{(.*)\} /gm)]
  const told = new Set(series.map(([, name]) => name))
  const labels = new Set(series.flatMap(([, , text = '']) => labelsOf(text)))
  const texts = [...queries, alerts]
  const names = texts.flatMap((text) => text.match(/\b(onebox|process)_[a-z0-9_]+/g) ?? [])
  const used = texts.flatMap((text) => labelsOf(text.replace(/labels: \{.*?\}/g, '')))
  const grouped = texts.flatMap((text) =>
    [...text.matchAll(/by \((.*?)\)/g)].flatMap(([, list = '']) => list.split(', ')),
  )
  assert.ok(queries.length >= 20 && names.length >= 30 && used.length >= 5 && grouped.length >= 5)
  assert.deepEqual(
    [...new Set(names)].filter((name) => !told.has(name)),
    [],
  )
  const known = [...labels, ...addedLabels]
  assert.deepEqual(
    [...used, ...grouped].filter((label) => !known.includes(label)),
    [],
  )
})

test('Prometheus accepts the alerts and the scrape example', { skip }, () => {
  for (const name of rules) promtool('check', 'rules', join(folder, `${name}.yml`))
  promtool('check', 'config', '--syntax-only', join(folder, 'prometheus.yml'))
})

test('each alert fires for its problem, and none for a healthy server', { skip }, () => {
  for (const name of rules) {
    promtool('test', 'rules', join(import.meta.dirname, `${name}.test.yml`))
  }
})

test('each query of the dashboard is PromQL', { skip }, () => {
  const rules = queries.map((query, index) => {
    const expr = JSON.stringify(query.replaceAll('$__rate_interval', '5m'))
    return `      - { record: 'panel:${index}', expr: ${expr} }`
  })
  const file = join(makeDataDir(), 'rules.yml')
  writeFileSync(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join('\n')}\n`)
  promtool('check', 'rules', file)
})

test('the dashboard shows no errors as 0, and no data for a server that is down', { skip }, () => {
  const { targets = [] } = dashboard.panels.find(({ title }) => title === 'Errors') ?? {}
  const expr = targets[0]?.expr.replaceAll('$instance', 'a')
  const series = { series: 'onebox_http_requests_total{instance="a", status="200"}' }
  const expectations = { expr, eval_time: '30m' }
  const tests = [
    {
      interval: '1m',
      input_series: [{ ...series, values: '0+60x60' }],
      promql_expr_test: [{ ...expectations, exp_samples: [{ value: 0 }] }],
    },
    { interval: '1m', input_series: [], promql_expr_test: [{ ...expectations, exp_samples: [] }] },
  ]
  const file = join(makeDataDir(), 'dashboard.json')
  writeFileSync(file, JSON.stringify({ tests }))
  promtool('test', 'rules', file)
})

test('promtool accepts the metrics', { skip }, async (t) => {
  const input = await scrape(await startServer(t))
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input })
  assert.equal(`${stdout}${stderr}`, '')
  assert.equal(status, 0)
})

/** The metrics of a server that has answered something. */
async function scrape(url: string): Promise<string> {
  await send('PUT', url, 'hello')
  await (await fetch(`${url}/nothing`)).text()
  return (await fetch(`${url}/metrics`)).text()
}

/** The names before `="…"` and `=~"…"`. */
function labelsOf(text: string): string[] {
  return [...text.matchAll(/([a-z_]+)(?:=|=~|!=)"/g)].map(([, name]) => name as string)
}

function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { timeout: 300_000 })
  assert.equal(status, 0, `${stdout}${stderr}`)
}
