import { readFileSync } from 'node:fs'

const heading = '<h1>The saved string is '
const page = readFileSync(process.env.PAGE_FILE, 'utf8')
const start = page.indexOf(heading) + heading.length
const before = page.slice(0, start)
const after = page.slice(page.indexOf('</h1>', start))
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function renderPage(string) {
  return before + string.replace(/[&<>"']/g, (character) => entities[character]) + after
}
