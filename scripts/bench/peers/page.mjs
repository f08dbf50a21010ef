import { readFileSync } from 'node:fs'

const heading = '<h1>The saved string is '
const page = readFileSync(process.env.PAGE_FILE, 'utf8')
const start = page.indexOf(heading) + heading.length
const before = page.slice(0, start)
const after = page.slice(page.indexOf('</h1>', start))
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Those of onebox that do not change from answer to answer. */
export const pageHeaders = JSON.parse(readFileSync(process.env.PAGE_HEADERS_FILE, 'utf8'))

export function renderPage(string) {
  return before + string.replace(/[&<>"']/g, (character) => entities[character]) + after
}
