import assert from 'node:assert/strict'
import test from 'node:test'
import { reportText } from '../../../scripts/rehearsal/report.ts'

const rehearsed = {
  date: '2026-11-28',
  region: 'eu-west-1',
  versions: 'onebox 1.0.0, t4g.nano, Node v26.10.0',
  standIn: '',
  outcomes: [
    { what: 'up makes a site', seconds: 260 },
    { what: 'a new release goes live', seconds: 41.2, seen: '206 requests meanwhile, none failed' },
  ],
}

test('the report has a row for each step, with its time and what it measured', () => {
  assert.equal(
    reportText(rehearsed),
    `# Rehearsal of 2026-11-28

\`npx onebox rehearse\` took a throw-away stack through its whole life on AWS, eu-west-1:
2 of 2 steps passed, in 5 min 1 s (onebox 1.0.0, t4g.nano, Node v26.10.0).
Ids, addresses and tokens are left out.

| step | took | result |
|---|---|---|
| up makes a site | 4 min 20 s | passed |
| a new release goes live | 41 s | passed: 206 requests meanwhile, none failed |
`,
  )
})

test('a step that failed is told without ids, addresses and tokens', () => {
  const problem =
    'i-0123456789abcdef0 of arn:aws:iam::123456789012:user/anna at http://203.0.113.7 | snap-0123456789abcdef0, token 0123456789abcdef0123456789abcdef01234567'
  const text = reportText({ ...rehearsed, outcomes: [{ what: 'destroy', seconds: 3, problem }] })
  assert.match(text, /^0 of 1 steps passed/m)
  assert.match(
    text,
    /^\| destroy \| 3\.0 s \| FAILED: i-… of ARN at http:\/\/ADDRESS \\\| snap-…, token … \|$/m,
  )
})

test('a report of a stand-in does not claim to be about AWS', () => {
  const text = reportText({ ...rehearsed, standIn: 'http://127.0.0.1:4566' })
  assert.match(text, /whole life on a stand-in for AWS:$/m)
  assert.doesNotMatch(text, /eu-west-1|4566/)
})
