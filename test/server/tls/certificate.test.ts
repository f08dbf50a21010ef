import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test from 'node:test'
import { readCertificate } from '../../../server/tls/certificate.ts'
import { makeCertificate } from '../../support/certificates.ts'

test('a certificate has its names, its dates, and covers its hosts only', () => {
  const dates = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2026, 0, 8) }
  const { pem } = makeCertificate(['203.0.113.10', 'onebox.example'], dates)
  const { names, notBefore, notAfter, covers } = readCertificate(pem, Date.UTC(2026, 0, 2))
  assert.deepEqual(names, ['203.0.113.10', 'onebox.example'])
  assert.deepEqual({ notBefore, notAfter }, dates)
  for (const host of ['203.0.113.10', 'onebox.example', 'ONEBOX.example']) assert.ok(covers(host))
  for (const host of ['203.0.113.1', 'example', 'www.onebox.example', '', '[::1]', 'a:b']) {
    assert.equal(covers(host), false, host)
  }
})

test('the order of key and certificate in the file makes no difference', () => {
  const { key, cert } = makeCertificate(['a.example'])
  assert.deepEqual(readCertificate(cert + key).names, ['a.example'])
  assert.deepEqual(readCertificate(`a note\n${key}\n${cert}`).names, ['a.example'])
})

test('a certificate that is not valid yet is taken: the clock may be wrong', () => {
  const { pem } = makeCertificate(['a.example'], { notBefore: Date.now() + 3_600_000 })
  assert.deepEqual(readCertificate(pem).names, ['a.example'])
})

const good = makeCertificate(['a.example'])
const other = makeCertificate(['a.example'])
const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'secret',
}) as string

const refused: [what: string, pem: string, reason: RegExp][] = [
  ['is empty', ' \n', /^The file is empty$/],
  ['is half written', good.pem.slice(0, -40), /^The file is cut short$/],
  ['ends within its key', good.pem.slice(0, 100), /^The file is cut short$/],
  ['is something else', 'hello', /^The file has no private key$/],
  ['has no key', good.cert, /^The file has no private key$/],
  ['has no certificate', good.key, /^The file has no certificate$/],
  ['has an encrypted key', encrypted + good.cert, /^The private key cannot be read: it must not/],
  ['has another key', other.key + good.cert, /^The certificate belongs to another private key$/],
  ['names no host', makeCertificate([]).pem, /^The certificate has no subject alternative name$/],
  [
    'has expired',
    makeCertificate(['a.example'], { notAfter: Date.UTC(2026, 0, 8) }).pem,
    /^The certificate expired at 2026-01-08T00:00:00\.000Z$/,
  ],
  [
    'has a torn certificate',
    good.key + good.cert.replace(/\n\w{20}/, '\nAAAAAAAAAAAAAAAAAAAA'),
    /^A certificate in the file cannot be read$/,
  ],
]

for (const [what, pem, reason] of refused) {
  test(`a file that ${what} is refused, and named`, () => {
    assert.throws(() => readCertificate(pem), { message: reason })
  })
}
