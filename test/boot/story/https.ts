import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../../server/operations/health.ts'
import { makeCertificate } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { getJson } from '../../support/http.ts'
import { getSecurely } from '../../support/https.ts'
import { type Lifetime, withLifetime } from '../../support/lifetime.ts'
import { startLoad } from '../../support/load.ts'
import { changeInTwoTabs, needsSecureBrowser } from '../../support/secure-browser.ts'
import { needs } from '../../support/tools.ts'
import { type Authority, startAuthority, startRelay } from '../authority.ts'
import { volumeId } from '../aws.ts'
import { createDataDisk } from '../data-disk.ts'
import { freePorts, type Machine, type Ports } from '../machine.ts'
import { acmeAddress } from '../qemu.ts'
import { expectSoundBoot, publish } from '../steps.ts'
import { bootLimitMs, deployLimitMs, type Story } from '../story.ts'
import { watch } from '../watch.ts'

// The authority reaches the machine at an address of its own: here those of this machine's forwarding.
const address = '127.0.0.1'
const newAddress = '127.0.0.2'
const picture = resolve(import.meta.dirname, '../../../dist/https.png')

/**
 * A blank instance gets a certificate by itself, renews it under load, and does without the authority,
 * with a wrong clock, on another machine and at another address.
 */
export async function https(story: Story) {
  const lacking = needs('pebble')
  if (lacking) return story.print(`left out: ${lacking}`)
  await withLifetime((t) => tell(story, t))
}

async function tell(story: Story, t: Lifetime) {
  const { aws, dir } = story
  await story.machine.shutDown()
  const ports = await freePorts()
  const authority = await startAuthority(t, { httpPort: ports.http, names: [acmeAddress] })
  aws.metadata.instance.publicIp = address
  const acme = {
    ACME_DIRECTORY: `https://${acmeAddress}/dir`,
    ACME_ROOT: authority.pebble.acmeRoot,
  }
  publish(story, { environment: { ...story.wanted.environment, ...acme } })
  const disk = createDataDisk({ dir: join(dir, 'https'), volumeId })
  const wiring = { ports, services: { [acmeAddress]: authority.relay.port } }
  story.machine = await aws.launch(disk, wiring)
  await firstBoot(story, authority)
  await browser(story, authority, t)
  await renewal(story, authority)
  await withoutAuthority(story, authority)
  await rateLimit(story, authority)
  await expiry(story)
  await wrongClock(story, authority)

  const before = await fingerprint(story.machine, authority)
  await story.machine.shutDown()
  disk.bus = 'nvme'
  story.machine = await aws.launch(disk, wiring)
  await replaced(story, authority, before)
  await otherAddress(story, authority, ports, t)
  await fromBefore(story, authority)
}

async function firstBoot({ machine, print }: Story, authority: Authority) {
  machine.powerOn()
  await machine.until200(bootLimitMs)
  print(`the first 200 over HTTP, ${machine.seconds().toFixed(1)} s after power-on`)
  await untilHttps(machine, ({ names }) => names.includes(address), deployLimitMs)
  const page = await getSecurely(machine.httpsPort, '/', trusting(authority))
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
  const status = () => machine.ssh('onebox status')
  await eventually(
    async () => /^https +127\.0\.0\.1, expiresAt 20/m.test(await status()),
    deployLimitMs,
  )
  print('port 80 redirects, the key is for root and the server alone, and onebox status shows them')
}

async function browser({ machine, print }: Story, { pebble }: Authority, t: Lifetime) {
  if (needsSecureBrowser) return print(`no browser: ${needsSecureBrowser}`)
  const site = `https://${address}:${machine.httpsPort}/`
  mkdirSync(join(picture, '..'), { recursive: true })
  writeFileSync(picture, await changeInTwoTabs(t, site, pebble.issuer))
  print(`Chromium opens ${site} without a warning, and a change shows in another tab: ${picture}`)
}

async function renewal({ machine, print }: Story, authority: Authority) {
  const before = await fingerprint(machine, authority)
  const load = startLoad(`https://127.0.0.1:${machine.httpsPort}`, {
    ...{ keepAlive: 2, oneShot: 1, pauseMs: 50 },
  })
  await sleep(3000)
  await renewNow(machine)
  const deadline = performance.now() + deployLimitMs
  while ((await fingerprint(machine, authority)) === before) {
    assert.ok(performance.now() < deadline, 'no renewed certificate serves')
    await sleep(500)
  }
  await sleep(3000)
  await load.stop()
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} of ${answered} failed: ${[...new Set(load.failures)]}`)
  print(`a renewed certificate serves; ${answered} requests meanwhile, none failed`)
}

async function withoutAuthority({ machine, print }: Story, authority: Authority) {
  authority.relay.target = undefined
  const before = await fingerprint(machine, authority)
  await renewNow(machine)
  const { problem = '', nextTryAt = '' } = await untilHttps(
    machine,
    ({ problem }) => problem?.startsWith(acmeAddress) === true,
    deployLimitMs,
  )
  assert.ok(Date.parse(nextTryAt) > Date.now())
  assert.equal(await fingerprint(machine, authority), before)
  assert.equal(await machine.ssh('systemctl --failed --no-legend'), '')
  print(`without its authority the site goes on, and says why: ${problem}`)
}

async function rateLimit({ machine, print }: Story, authority: Authority) {
  const { relay, busy } = authority
  relay.target = busy.port
  await renewNow(machine)
  const { nextTryAt = '' } = await untilHttps(
    machine,
    ({ problem }) => problem?.endsWith('refused: too many certificates') === true,
    deployLimitMs,
  )
  const hours = (Date.parse(nextTryAt) - Date.now()) / 3_600_000
  assert.ok(hours > 4.5 && hours < 5.5, nextTryAt)
  const asked = busy.requests()
  await machine.ssh('sudo systemctl start onebox-certificate.service', deployLimitMs)
  assert.equal(busy.requests(), asked)
  print(`a rate limit: the site goes on, and the authority is left alone until ${nextTryAt}`)
}

/** The certificate ends before the authority is to be asked again. */
async function expiry({ machine, print }: Story) {
  const notAfter = Math.ceil(Date.now() / 1000 + 120) * 1000
  const { pem } = makeCertificate([address], { notAfter })
  const file = '/data/tls/certificate.pem'
  const encoded = Buffer.from(pem).toString('base64')
  await machine.ssh(
    `sudo sh -c 'cp -p ${file} ${file}.new; echo ${encoded} | base64 -d >${file}.new; mv ${file}.new ${file}'`,
  )
  const expiresAt = new Date(notAfter).toISOString()
  await untilHttps(machine, (https) => https.expiresAt === expiresAt, deployLimitMs)
  assert.equal(await plainStatus(machine), 308)
  await eventually(async () => (await plainStatus(machine)) === 200, deployLimitMs)
  // By its own clock, which differs by up to some seconds.
  const seconds = Number(await machine.ssh('date +%s'))
  assert.ok(1000 * seconds >= notAfter, `${seconds} s`)
  assert.equal((await fetch(`${machine.url}/healthz/certificate`)).status, 503)
  print('an expired certificate: port 80 has the site again')
}

/** An hour fast, which the certificates of pebble allow. */
async function wrongClock({ machine, print }: Story, authority: Authority) {
  authority.relay.target = authority.pebble.port
  await machine.ssh(`sudo date --set '+1 hour'`)
  await renewNow(machine)
  const isWarned = (problem = '') =>
    /^The clock of this machine is \d+ minutes ahead$/.test(problem)
  const { problem } = await untilHttps(machine, (https) => isWarned(https.problem), deployLimitMs)
  await fingerprint(machine, authority)
  await machine.ssh(`sudo date --set '-1 hour'`)
  await renewNow(machine)
  await untilHttps(machine, (https) => https.problem === undefined, deployLimitMs)
  assert.equal(await plainStatus(machine), 308)
  print(`a clock an hour off: a certificate all the same, and a warning: ${problem}`)
}

async function replaced({ machine, print }: Story, authority: Authority, before: string) {
  machine.powerOn()
  await untilHttps(machine, ({ names }) => names.includes(address), bootLimitMs)
  assert.equal(await fingerprint(machine, authority), before)
  print('a replaced instance serves the same certificate, and orders none')
}

/** The power is cut while the authority looks for the challenge. */
async function otherAddress(story: Story, authority: Authority, ports: Ports, t: Lifetime) {
  const { machine, aws, print } = story
  const before = await fingerprint(machine, authority)
  let visits = 0
  await startRelay(t, ports.https, { host: newAddress, port: ports.https })
  const relay = await startRelay(t, undefined, {
    ...{ host: newAddress, port: ports.http },
    onVisit: () => {
      visits += 1
    },
  })
  aws.metadata.instance.publicIp = newAddress
  await eventually(async () => visits > 0, deployLimitMs)
  assert.equal(await fingerprint(machine, authority), before)
  await machine.powerCut()
  relay.target = ports.http
  machine.powerOn()
  await untilHttps(machine, ({ nextTryAt }) => nextTryAt !== undefined, bootLimitMs)
  await eventually(async () => {
    await renewNow(machine)
    return (await getHttps(machine)).names.includes(newAddress)
  }, deployLimitMs)
  // Each worker looks for a new file once a second.
  await sleep(5000)
  await fingerprint(machine, authority, newAddress)
  print('a new address, and a power cut in the middle of the order: it serves a certificate for it')
}

/** The volume of a machine from before HTTPS. */
async function fromBefore({ machine, print }: Story, authority: Authority) {
  const before = await fingerprint(machine, authority, newAddress)
  await machine.ssh(
    'sudo rm --recursive /data/tls; sudo chown onebox:onebox /data; sudo chmod 750 /data',
  )
  await machine.reboot()
  await machine.until200(bootLimitMs)
  const load = startLoad(machine.url, { keepAlive: 1, oneShot: 1, pauseMs: 100, writeShare: 0 })
  await untilHttps(machine, ({ names }) => names.includes(newAddress), deployLimitMs)
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.notEqual(await fingerprint(machine, authority, newAddress), before)
  print('a volume from before HTTPS: port 80 answers at once and throughout, then port 443 too')
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

async function getHttps({ url }: Machine) {
  return (await getJson<Health>(`${url}/healthz`)).https as NonNullable<Health['https']>
}

async function plainStatus({ url }: Machine): Promise<number> {
  return (await fetch(url, { redirect: 'manual' })).status
}

/** Of the certificate that serves, which must be valid for the host. */
async function fingerprint({ httpsPort }: Machine, authority: Authority, host = address) {
  return (await getSecurely(httpsPort, '/echo', { host, ...trusting(authority) })).peer
    .fingerprint256
}

function trusting({ pebble: { issuer } }: Authority) {
  return { ca: issuer, rejectUnauthorized: true }
}
