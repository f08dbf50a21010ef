import assert from 'node:assert/strict'
import { getJson, send } from './http.ts'

export interface Movie {
  year: number
  title: string
  info: Record<string, unknown>
}

export interface Page {
  movies: Movie[]
  next: string | null
}

export function postLines(url: string, lines: unknown[] | string): Promise<Response> {
  const text =
    typeof lines === 'string' ? lines : lines.map((line) => JSON.stringify(line)).join('\n')
  return send('POST', `${url}/movies`, text, { 'content-type': 'application/x-ndjson' })
}

export async function load(url: string, movies: Movie[]) {
  const response = await postLines(url, movies)
  assert.deepEqual(await response.json(), { added: movies.length, replaced: 0 })
}

export async function titlesOf(url: string, query = ''): Promise<string[]> {
  const { movies } = await getJson<Page>(`${url}/movies?${query}`)
  return movies.map(({ title }) => title)
}

/** Follows `next` from a first page to the last; gives the pages. */
export async function walk(url: string, path: string): Promise<Page[]> {
  const pages: Page[] = []
  for (let next: string | null = path; next !== null; ) {
    const page: Page = await getJson<Page>(url + next)
    pages.push(page)
    next = page.next
    assert.ok(pages.length < 1000, 'the pages never end')
  }
  return pages
}
