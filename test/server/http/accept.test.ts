import assert from 'node:assert/strict'
import test from 'node:test'
import { preferredType } from '../../../server/http/accept.ts'

const cases: [accept: string | undefined, preferred: 'application/json' | 'text/html'][] = [
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['', 'application/json'],
  ['application/json, text/plain, */*', 'application/json'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'text/html'],
  ['text/html', 'text/html'],
  ['TEXT/HTML', 'text/html'],
  ['text/*', 'text/html'],
  ['text/html, application/json', 'application/json'],
  ['text/html, application/json;q=0.9', 'text/html'],
  ['text/html;q=0.5, application/json;q=0.6', 'application/json'],
  ['text/html ; charset=utf-8 ; q=0.7, */* ; q=0.6', 'text/html'],
  ['text/html;q=0', 'application/json'],
  ['text/html;q=0, */*', 'application/json'],
  ['text/*;q=0.9, text/html;q=0.1, */*;q=0.5', 'application/json'],
  ['application/*, text/html;q=0.9', 'application/json'],
  ['text/html;q=2, */*;q=0.1', 'application/json'],
  ['text/html;q=high', 'application/json'],
  ['image/png', 'application/json'],
  ['image/png, text/html;q=0.001', 'text/html'],
  [',, ;q=1, text/html;', 'text/html'],
  ['text/html;q=0.2, text/html;level=1;q=0.8, application/json;q=0.5', 'text/html'],
]

for (const [accept, preferred] of cases) {
  test(`of JSON and HTML, ${accept ?? 'no Accept'} prefers ${preferred}`, () => {
    assert.equal(preferredType(accept, ['application/json', 'text/html']), preferred)
  })
}

test('the first type offered wins a tie', () => {
  assert.equal(preferredType('*/*', ['text/html', 'application/json']), 'text/html')
  assert.equal(preferredType('image/png', ['text/html', 'application/json']), 'text/html')
})
