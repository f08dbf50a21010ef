// Changes the string of a site in use without overwriting what somebody else saves meanwhile.
import type { Answer } from './client.ts'
import { expect, expectHeader, expectStatus, quote } from './expect.ts'
import { randomLetters } from './letters.ts'
import { connectWorkers, type Site } from './site.ts'

export const heading = /<h1>The saved string is (.*?)<\/h1>/s
const text = { 'Content-Type': 'text/plain' }
// Names no version, so that a write which slips through a broken check changes nothing.
export const never = { 'If-Match': '"never"' }

interface Change {
  value: string
  /** Restores the old string. Resolves to whether ours was still the current one. */
  restore: () => Promise<boolean>
}

/** Replaces the string that it has just read, and no other, by a new one. */
export async function exchange({ send, undoLater }: Site): Promise<Change> {
  const mark = newMark()
  const value = `${mark} <b>&amp; "it's"`
  for (let attempt = 1; ; attempt += 1) {
    const page = await send('GET', '/')
    const old = stringOf(page)
    let etag: string | undefined
    undoLater(async () => void (await putBack(send, { old, mark, etag })))
    const headers = { ...text, 'If-Match': page.headers.etag as string }
    const put = await send('PUT', '/', { headers, body: value })
    // Somebody else was faster, so their string is the one to restore in the end.
    if (put.status === 412 && attempt < 3) continue
    expectStatus(put, 204)
    expectHeader(put, 'etag', /^"[^"]+"$/)
    etag = put.headers.etag
    return { value, restore: () => putBack(send, { old, mark, etag }) }
  }
}

/** Runs `act`, which must not set the string to `mark`. */
export async function expectNoChange(
  { send, undoLater }: Site,
  act: (mark: string) => Promise<void>,
) {
  const mark = newMark()
  const old = stringOf(await send('GET', '/'))
  undoLater(async () => void (await putBack(send, { old, mark, etag: undefined })))
  await act(mark)
  const now = stringOf(await send('GET', '/'))
  expect(!now.includes(mark), `the string has become ${quote(now)}`)
}

/**
 * Restores the old string unless someone has set another since: only over the version `etag` or, if
 * that is unknown or outdated, over a string with the mark.
 */
async function putBack(
  send: Site['send'],
  { old, mark, etag }: { old: string; mark: string; etag: string | undefined },
): Promise<boolean> {
  let known = etag
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    if (known !== undefined) {
      const headers = { ...text, 'If-Match': known }
      const put = await send('PUT', '/', { headers, body: old })
      if (put.status !== 412) expectStatus(put, 204)
      if (put.status === 204) return known === etag
    }
    const page = await send('GET', '/')
    if (!stringOf(page).includes(mark)) return false
    known = page.headers.etag
  }
  throw new Error(`PUT / cannot restore the old string ${JSON.stringify(old)}: set it by hand`)
}

export async function readOnWorkers(site: Site): Promise<Map<string, string>> {
  const workers = await connectWorkers(site)
  const shown = new Map<string, string>()
  try {
    for (const [worker, agent] of workers) {
      shown.set(worker, stringOf(await site.send('GET', '/', { agent })))
    }
  } finally {
    for (const agent of workers.values()) agent.destroy()
  }
  return shown
}

function newMark(): string {
  return `smoke test ${randomLetters(16)}`
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** What the page shows, without its HTML escapes. */
function stringOf(page: Answer): string {
  expectStatus(page, 200)
  const [, escaped] = heading.exec(page.text) ?? []
  expect(escaped !== undefined, 'GET / does not show the string')
  return escaped.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name] as string)
}
