import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import test from 'node:test'
import { certificateRequest } from '../../../server/acme/csr.ts'
import { der, oid } from '../../../server/acme/der.ts'
import { needs } from '../../support/tools.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('openssl reads the request: no subject, exactly the names, and a signature of its key', {
  skip: needs('openssl'),
}, () => {
  const input = certificateRequest(['203.0.113.10', 'onebox.example'], privateKey)
  const args = ['req', '-inform', 'DER', '-noout', '-verify', '-subject', '-text']
  const text = execFileSync('openssl', args, { input, encoding: 'utf8', stdio: 'pipe' })
  assert.match(text, /Subject: *\n/)
  assert.match(
    text,
    /Subject Alternative Name: *\n *IP Address:203\.0\.113\.10, DNS:onebox\.example\n/,
  )
  assert.equal(text.match(/X509v3 /g)?.length, 1)
})

test('lengths and numbers take as many bytes as they need', () => {
  const lengths = [0, 127, 128, 255, 256, 70_000].map((count) => {
    return der(4, Buffer.alloc(count))
      .subarray(1, 5 - (count < 3 ? 3 : 0))
      .toString('hex')
  })
  assert.deepEqual(
    lengths.map((text, index) => text.slice(0, [2, 2, 4, 4, 6, 8][index])),
    ['00', '7f', '8180', '81ff', '820100', '83011170'],
  )
  assert.equal(oid('1.2.840.113549.1.9.14').toString('hex'), '06092a864886f70d01090e')
})

test('an address that is not IPv4 is refused', () => {
  assert.throws(() => certificateRequest(['2001:db8::1'], privateKey), /not an IPv4 address/)
})
