import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stores } from '../../server/stores/stores.ts'

/** What a writer has sent last, and what of it was acknowledged last. */
interface Progress {
  sent: number
  acknowledged: number
}

type Write = (number: number) => [method: string, path: string, body: string]

const writes: Record<string, Write> = {
  ...Object.fromEntries(['one', 'two'].map((name) => [`a movie, ${name}`, movie(name)])),
  'a birthday': (number) => [
    'PUT',
    '/hello/writer',
    JSON.stringify({ dateOfBirth: dateOf(number) }),
  ],
  'the string': (number) => ['PUT', '/', JSON.stringify({ string: String(number) })],
}

function movie(name: string): Write {
  return (number) => [
    'POST',
    '/movies',
    JSON.stringify({ year: 2000, title: `Written by ${name}`, info: { number } }),
  ]
}

const firstDay = Temporal.PlainDate.from('1900-01-01')

/** A birthday that tells a number. */
function dateOf(number: number): string {
  return firstDay.add({ days: number }).toString()
}

/** Clients that write one value after another, each its own, and follow the data wherever it goes. */
export function startWriters(url: string) {
  const progress = new Map<string, Progress>()
  let isOver = false
  const running = Object.entries(writes).map(([name, write]) => run(name, write))
  return { progress, stop, untilAcknowledged }

  async function run(name: string, write: Write) {
    const own: Progress = { sent: 0, acknowledged: 0 }
    progress.set(name, own)
    while (!isOver) {
      own.sent += 1
      const [method, path, body] = write(own.sent)
      const headers = { 'content-type': 'application/json' }
      // Fails as well if two sites send visitors to each other.
      const response = await fetch(`${url}${path}`, { method, body, headers })
      await response.arrayBuffer()
      if (response.ok) own.acknowledged = own.sent
      else assert.equal(response.status, 503, `${method} ${path}`)
      await delay(response.ok ? 5 : 50)
    }
  }

  /** Waits until each has so many more writes acknowledged. */
  async function untilAcknowledged(more: number) {
    const goals = [...progress.values()].map((own) => ({ own, goal: own.acknowledged + more }))
    while (goals.some(({ own, goal }) => own.acknowledged < goal)) {
      await Promise.race([delay(10), Promise.all(running)])
    }
  }

  async function stop() {
    isOver = true
    await Promise.all(running)
  }
}

/** Checks that a site has what was acknowledged last, or what was sent after it. */
export async function assertAllThere(stores: Stores, progress: Map<string, Progress>) {
  for (const [name, { sent, acknowledged }] of progress) {
    const number = await readNumber(stores, name)
    const what = `${name}: ${number}, acknowledged ${acknowledged}, sent ${sent}`
    assert.ok(acknowledged <= number && number <= sent, what)
  }
}

async function readNumber({ savedStrings, birthdays, movies }: Stores, name: string) {
  if (name === 'the string') return Number((await savedStrings.current()).value) || 0
  if (name === 'a birthday') {
    const { dateOfBirth } = (await birthdays.find('writer')) ?? { dateOfBirth: firstDay }
    return firstDay.until(dateOfBirth, { largestUnit: 'days' }).days
  }
  const title = `Written by ${name.split(' ').at(-1)}`
  const movie = await movies.find({ year: 2000, title })
  return movie ? JSON.parse(movie.info).number : 0
}
