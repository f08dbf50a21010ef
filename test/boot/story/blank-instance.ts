import assert from 'node:assert/strict'
import { type Movie, postLines } from '../../support/movies.ts'
import { expectSoundBoot, put } from '../steps.ts'
import { bootLimitMs, type Story } from '../story.ts'
import { largestUnits, readUsage } from '../usage.ts'

const movieCount = 4609
const oldestYear = 1920

/** User data and a bucket are enough to make a site that answers and stores data. */
export async function blankInstance({ machine, print }: Story) {
  machine.powerOn()
  await machine.until200(bootLimitMs)
  const hostSeconds = machine.hostCpuSeconds()
  print(`the first 200 from outside, ${machine.seconds().toFixed(1)} s after power-on`)
  assert.match(await readPage(machine.url), /<h1>The saved string is dynamic string<\/h1>/)

  const { busySeconds, uptimeSeconds } = await readUsage(machine)
  print(
    `${busySeconds.toFixed(1)} CPU-seconds by then inside, ${hostSeconds.toFixed(1)} of the emulator; read at ${uptimeSeconds}`,
  )
  await expectSoundBoot(machine)
  print(`units by CPU-seconds: ${await largestUnits(machine)}`)
  await machine.ssh('sudo cloud-init schema --system')
  const fetched = await machine.ssh(`onebox logs --output cat --grep '^Fetched'`)
  for (const line of fetched.split('\n')) print(line)
  print('cloud-init accepts the user data, and no unit has failed')

  await store(machine.url)
  await expectStored(machine.url)
  print(`stored a string, a birthday and ${movieCount} movies`)
}

async function store(url: string) {
  assert.equal((await put(url, 'kept')).status, 204)
  const birthday = await put(`${url}/hello/anna`, '{"dateOfBirth": "1990-04-23"}', {
    'content-type': 'application/json',
  })
  assert.equal(birthday.status, 204)
  const response = await postLines(url, Array.from({ length: movieCount }, makeMovie))
  assert.deepEqual(await response.json(), { added: movieCount, replaced: 0 })
}

/** Asserts that everything stored is there. */
export async function expectStored(url: string) {
  assert.match(await readPage(url), /<h1>The saved string is kept<\/h1>/)
  const birthday = await get(`${url}/hello/anna`)
  assert.match(await birthday.text(), /Hello, anna!/)
  const metrics = await countMovies(url)
  assert.equal(metrics, movieCount)
}

async function countMovies(url: string): Promise<number> {
  let count = 0
  for (let next: string | null = '/movies?limit=1000'; next !== null; ) {
    const page = (await (await get(url + next)).json()) as { movies: Movie[]; next: string | null }
    count += page.movies.length
    next = page.next
  }
  return count
}

function makeMovie(_: unknown, index: number): Movie {
  const year = oldestYear + (index % 100)
  const info = { plot: `What happens in the movie ${index} `.repeat(5), rating: index % 10 }
  return { year, title: `The Movie ${index}`, info }
}

async function readPage(url: string): Promise<string> {
  return (await get(url)).text()
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  assert.equal(response.status, 200)
  return response
}
