import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { makeCertificate, replaceFile } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { getSecurely } from '../support/https.ts'
import { startLoad } from '../support/load.ts'
import { buildRelease, copyRelease, freePort } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'
import { startService } from '../support/service.ts'

// More in a longer run: REQUESTS=100000 scripts/node --test test/release/renewal.test.ts
const requests = Number(process.env.REQUESTS ?? 20_000)

test('three renewals and six reloads under load over HTTPS fail no request', async (t) => {
  const release = await buildRelease()
  const releases = [release, copyRelease(release, 'the next one')]
  const file = join(makeDataDir(), 'tls.pem')
  writeFileSync(file, makeCertificate(['127.0.0.1']).pem)
  const port = await freePort()
  const env = { TLS_FILE: file, TLS_PORT: String(port) }
  const service = await startService(t, release, { env })
  const silent = Array.from({ length: 50 }, () => net.connect(port, '127.0.0.1'))
  for (const socket of silent) socket.on('error', () => {})
  const load = startLoad(`https://127.0.0.1:${port}`)
  t.after(load.stop)

  for (let round = 1; round <= 6 || load.counts().answered < requests; round += 1) {
    if (round % 2 === 0) await renew(round)
    service.switchTo(releases[round % 2] as string)
    await service.reload()
    await service.until(releases[round % 2] as string)
  }
  await load.stop()
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} failed: ${[...new Set(load.failures)].join(', ')}`)
  assert.ok(answered >= requests)

  async function renew(round: number) {
    const name = `round-${round}.example`
    replaceFile(file, makeCertificate(['127.0.0.1', name]).pem)
    await eventually(async () => {
      const { peer } = await getSecurely(port)
      return peer.subjectaltname?.includes(name) === true
    })
  }
})
