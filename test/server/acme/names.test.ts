import assert from 'node:assert/strict'
import test from 'node:test'
import { chooseNames } from '../../../server/acme/names.ts'

const address = '203.0.113.10'
const domain = 'onebox.example'

const cases: [
  what: string,
  found: string[],
  covered: boolean,
  names: string[],
  problem?: RegExp,
][] = [
  ['points to the address', [address], false, [address, domain]],
  ['points there among others', ['203.0.113.9', address], false, [address, domain]],
  [
    'does not resolve yet',
    [],
    false,
    [address],
    /^onebox\.example does not point to 203\.0\.113\.10 yet: it does not resolve$/,
  ],
  ['points elsewhere', ['203.0.113.9'], true, [address], /yet: it points to 203\.0\.113\.9$/],
  ['does not resolve for a moment', [], true, [address, domain]],
]

for (const [what, found, covered, names, problem] of cases) {
  test(`a domain that ${what} gives ${names.join(' and ')}${covered ? ', with a certificate for it' : ''}`, async () => {
    const chosen = await chooseNames(address, domain, { covered, resolve: async () => found })
    assert.deepEqual(chosen.names, names)
    assert.deepEqual(chosen.leftOut, problem && [domain])
    if (problem) assert.match(chosen.problem ?? '', problem)
    else assert.equal(chosen.problem, undefined)
  })
}

test('without a domain the address is enough', async () => {
  assert.deepEqual(await chooseNames(address, undefined, { covered: false }), { names: [address] })
})
