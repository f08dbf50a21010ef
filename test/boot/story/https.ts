import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../../server/operations/health.ts'
import { getSecurely } from '../../support/https.ts'
import { startLoad } from '../../support/load.ts'
import { type Pebble, startPebble } from '../../support/pebble.ts'
import { needs } from '../../support/tools.ts'
import { volumeId } from '../aws.ts'
import { createDataDisk } from '../data-disk.ts'
import { freePorts, type Machine } from '../machine.ts'
import { acmeAddress } from '../qemu.ts'
import { expectSoundBoot, publish } from '../steps.ts'
import { bootLimitMs, deployLimitMs, type Story } from '../story.ts'
import { watch } from '../watch.ts'

// The authority reaches the machine at an address of its own: here that of this machine's forwarding.
const address = '127.0.0.1'

/** A blank instance gets a certificate by itself, renews it under load, and does without the authority. */
export async function https(story: Story) {
  const lacking = needs('pebble')
  if (lacking) return story.print(`left out: ${lacking}`)
  const cleanups: (() => unknown)[] = []
  try {
    await tell(story, (cleanup) => cleanups.push(cleanup))
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function tell(story: Story, after: (cleanup: () => unknown) => void) {
  const { aws, dir, print } = story
  await story.machine.shutDown()
  const ports = await freePorts()
  const pebble = await startPebble({ after }, { httpPort: ports.http, names: [acmeAddress] })
  aws.metadata.instance.publicIp = address
  const acme = {
    ACME_DIRECTORY: `https://${acmeAddress}/dir`,
    ACME_ROOT: pebble.acmeRoot,
  }
  publish(story, { environment: { ...story.wanted.environment, ...acme } })
  const disk = createDataDisk({ dir: join(dir, 'https'), volumeId })
  const wiring = { ports, acmePort: pebble.port }
  story.machine = await aws.launch(disk, wiring)
  await firstBoot(story, pebble)
  await renewal(story, pebble)
  await withoutAuthority(story, pebble)
  const before = await fingerprint(story.machine, pebble)

  await story.machine.shutDown()
  disk.bus = 'nvme'
  story.machine = await aws.launch(disk, wiring)
  story.machine.powerOn()
  await untilHttps(story.machine, ({ names }) => names.includes(address), bootLimitMs)
  assert.equal(await fingerprint(story.machine, pebble), before)
  print('a replaced instance serves the same certificate, and orders none')
}

async function firstBoot({ machine, print }: Story, pebble: Pebble) {
  machine.powerOn()
  await machine.until200(bootLimitMs)
  print(`the first 200 over HTTP, ${machine.seconds().toFixed(1)} s after power-on`)
  await untilHttps(machine, ({ names }) => names.includes(address), deployLimitMs)
  const page = await getSecurely(machine.httpsPort, '/', trusting(pebble))
  assert.match(page.body, /<h1>The saved string is dynamic string<\/h1>/)
  print(`a page over HTTPS that a browser trusts, ${machine.seconds().toFixed(1)} s after power-on`)

  const moved = await fetch(`${machine.url}/movies`, { redirect: 'manual' })
  assert.equal(moved.status, 308)
  assert.equal(moved.headers.get('location'), `https://${address}/movies`)
  assert.equal((await fetch(`${machine.url}/healthz`)).status, 200)
  await expectSoundBoot(machine)
  const files = await machine.ssh(
    `sudo sh -c 'stat --format "%n %U:%G %a" /data /data/tls /data/tls/*'`,
  )
  const modes = files
    .replaceAll(/^\/data\/tls\/(challenges) .*\n?/gm, '')
    .trim()
    .split('\n')
  assert.deepEqual(modes, [
    '/data root:onebox 1770',
    '/data/tls root:onebox 2750',
    '/data/tls/account.pem root:onebox 600',
    '/data/tls/certificate.pem root:onebox 640',
    '/data/tls/state.json root:onebox 640',
  ])
  assert.match(await machine.ssh('onebox status'), /^https +127\.0\.0\.1, expiresAt 20/m)
  print('port 80 redirects, the key is for root and the server alone, and onebox status tells')
}

async function renewal({ machine, print }: Story, pebble: Pebble) {
  const before = await fingerprint(machine, pebble)
  const load = startLoad(`https://127.0.0.1:${machine.httpsPort}`, {
    ...{ keepAlive: 2, oneShot: 1, pauseMs: 50 },
  })
  await sleep(3000)
  await renewNow(machine)
  const deadline = performance.now() + deployLimitMs
  while ((await fingerprint(machine, pebble)) === before) {
    assert.ok(performance.now() < deadline, 'no renewed certificate serves')
    await sleep(500)
  }
  await sleep(3000)
  await load.stop()
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} of ${answered} failed: ${[...new Set(load.failures)]}`)
  print(`a renewed certificate serves; ${answered} requests meanwhile, none failed`)
}

async function withoutAuthority({ machine, print }: Story, pebble: Pebble) {
  await pebble.stop()
  const before = await fingerprint(machine, pebble)
  await renewNow(machine)
  const { problem = '', nextTryAt = '' } = await untilHttps(
    machine,
    ({ problem }) => problem?.startsWith(acmeAddress) === true,
    deployLimitMs,
  )
  assert.ok(Date.parse(nextTryAt) > Date.now())
  assert.equal(await fingerprint(machine, pebble), before)
  assert.equal(await machine.ssh('systemctl --failed --no-legend'), '')
  print(`without its authority the site goes on, and says why: ${problem}`)
}

/** As if half of the certificate's lifetime were over. */
async function renewNow({ ssh }: Machine) {
  const past = '2020-01-01T00:00:00.000Z'
  await ssh(`sudo sed -i 's/"nextTryAt": "[^"]*"/"nextTryAt": "${past}"/' /data/tls/state.json`)
  await ssh('sudo systemctl start onebox-certificate.service', deployLimitMs)
}

async function untilHttps(
  machine: Machine,
  isWanted: (https: NonNullable<Health['https']>) => boolean,
  timeoutMs: number,
) {
  const watching = watch(machine.url)
  try {
    const health = await watching.until(
      ({ https }) => https !== undefined && isWanted(https),
      timeoutMs,
    )
    return health.https as NonNullable<Health['https']>
  } finally {
    await watching.stop()
  }
}

async function fingerprint({ httpsPort }: Machine, pebble: Pebble): Promise<string> {
  return (await getSecurely(httpsPort, '/echo', trusting(pebble))).peer.fingerprint256
}

function trusting({ issuer }: Pebble) {
  return { ca: issuer, rejectUnauthorized: true }
}
