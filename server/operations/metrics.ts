import type { Outcome } from '../http/listener.ts'

/** A metric family of the Prometheus text format. */
export interface Family {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram'
  samples: Sample[]
}

interface Sample {
  /** Follows the name of the family, such as `_bucket`. */
  suffix?: string
  labels?: Record<string, string>
  value: number
}

const bucketsSeconds = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 10],
]

/** Counts the requests of one worker. */
export class RequestMetrics {
  readonly #routes = new Map<string, { counts: Map<string, number[]>; durations: Histogram }>()

  observe({ method, route, status, durationMs }: Outcome) {
    const { counts, durations } = getOrSet(this.#routes, route, newRoute)
    const byStatus = getOrSet(counts, method, newCounts)
    byStatus[status] = (byStatus[status] ?? 0) + 1
    durations.observe(durationMs / 1000)
  }

  families(): Family[] {
    const routes = [...this.#routes]
    const counts = routes.flatMap(([route, { counts }]) =>
      [...counts].flatMap(([method, byStatus]) =>
        Object.entries(byStatus).map(([status, value]) => ({
          labels: { route, method, status },
          value,
        })),
      ),
    )
    const durations = routes.flatMap(([route, { durations }]) =>
      durations.samples().map((sample) => ({ ...sample, labels: { route, ...sample.labels } })),
    )
    return [
      {
        name: 'onebox_http_requests_total',
        help: 'Requests answered, by route, method and status.',
        type: 'counter',
        samples: counts,
      },
      {
        name: 'onebox_http_request_duration_seconds',
        help: 'Time from a request to its response, in seconds.',
        type: 'histogram',
        samples: durations,
      },
    ]
  }
}

function newRoute() {
  return { counts: new Map<string, number[]>(), durations: new Histogram() }
}

function newCounts(): number[] {
  return []
}

function getOrSet<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

class Histogram {
  readonly #buckets: number[] = bucketsSeconds.map(() => 0)
  #count = 0
  #sum = 0

  observe(value: number) {
    let index = 0
    while (value > (bucketsSeconds[index] as number)) index += 1
    if (index < bucketsSeconds.length) this.#buckets[index] = (this.#buckets[index] as number) + 1
    this.#count += 1
    this.#sum += value
  }

  samples(): Sample[] {
    let below = 0
    const buckets = bucketsSeconds.map((bound, index) => {
      below += this.#buckets[index] as number
      return { suffix: '_bucket', labels: { le: String(bound) }, value: below }
    })
    return [
      ...buckets,
      { suffix: '_bucket', labels: { le: '+Inf' }, value: this.#count },
      { suffix: '_sum', value: this.#sum },
      { suffix: '_count', value: this.#count },
    ]
  }
}

/** A gauge of one sample without labels. */
export function gauge(name: string, help: string, value: number): Family {
  return { name, type: 'gauge', help, samples: [{ value }] }
}

/** A counter of one sample without labels. */
export function counter(name: string, help: string, value: number): Family {
  return { name, type: 'counter', help, samples: [{ value }] }
}

/** The text of several workers' families, each sample labelled by its worker. */
export function render(workers: { worker: string; families?: Family[] }[]): string {
  const merged = new Map<string, Family>()
  for (const { worker, families = [] } of workers) {
    for (const family of families) {
      const whole = merged.get(family.name) ?? { ...family, samples: [] }
      merged.set(family.name, whole)
      for (const sample of family.samples) {
        whole.samples.push({ ...sample, labels: { worker, ...sample.labels } })
      }
    }
  }
  return [...merged.values()].map(renderFamily).join('')
}

function renderFamily({ name, help, type, samples }: Family): string {
  const lines = samples.map(({ suffix = '', labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    return `${name}${suffix}{${pairs.join(',')}} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
