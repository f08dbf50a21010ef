import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from 'node:tls'
import type { Config } from '../../../provisioning/config.ts'
import { fleetVariables } from '../../../provisioning/fleet/variables.ts'
import { prepareTables, tablesOf } from '../../../server/dynamodb/tables.ts'
import { renderUserData } from '../../../userdata/cloud-config.ts'
import { makeCertificate, type TestCertificate } from '../../support/certificates.ts'
import { connect, needsDynoxide, startDynoxide } from '../../support/dynoxide.ts'
import { eventually } from '../../support/eventually.ts'
import { readHeading } from '../../support/http.ts'
import { type Lifetime, withLifetime } from '../../support/lifetime.ts'
import { expectAllAnswered, startLoad } from '../../support/load.ts'
import { nextRelease, spoilRelease } from '../archives.ts'
import { noDisk } from '../data-disk.ts'
import { bucket, region } from '../image.ts'
import { dynamodbAddress } from '../qemu.ts'
import { deploy, expectSoundBoot, publish, put } from '../steps.ts'
import { bootLimitMs, deployLimitMs, type Story } from '../story.ts'

const name = 'onebox-boot'
const host = `dynamodb.${region}.amazonaws.com`
const metadata = 'curl --silent --fail --max-time 5 http://169.254.169.254/latest/api/token -X PUT'
const token = '--header "X-aws-ec2-metadata-token-ttl-seconds: 60"'

/** A machine without a data volume, whose server has its data in DynamoDB. */
export async function oneOfSeveral(story: Story) {
  if (needsDynoxide) return story.print(`left out: ${needsDynoxide}`)
  await withLifetime((t) => tell(story, t))
}

async function tell(story: Story, t: Lifetime) {
  const { aws, wanted } = story
  await story.machine.shutDown()
  const { port, certificate } = await startDynamodb(t)
  aws.metadata.userData = renderUserData({ bucket, region })
  const config = { name, region, keepAliveSeconds: 5, trustedProxies: [] as string[] } as Config
  publish(story, {
    release: await spoilRelease(wanted.release, 'trusting', trust(certificate)),
    environment: { ...wanted.environment, ...fleetVariables(config) },
  })
  story.machine = await aws.launch(noDisk, { services: { [dynamodbAddress]: port } })
  await waitForDynamodb(story)
  await expectConfined(story)
  await change(story)
  await restart(story)
}

/** DynamoDB as AWS has it: with TLS, under its own name, and with tables that somebody else made. */
async function startDynamodb(t: Lifetime) {
  const engine = await startDynoxide()
  const client = connect(engine)
  await prepareTables(client, tablesOf(name), { where: engine, mayCreate: true })
  client.close()
  const certificate = makeCertificate([host])
  const server = createServer(certificate, (visitor) => {
    const beyond = connectTo(Number(new URL(engine).port), '127.0.0.1')
    visitor.on('error', () => {}).on('close', () => beyond.destroy())
    beyond.on('error', () => {}).on('close', () => visitor.destroy())
    visitor.pipe(beyond).pipe(visitor)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, certificate }
}

/** The settings of an instance cannot do so. */
function trust({ cert }: TestCertificate): string {
  return `{
    const tls = require('node:tls')
    tls.setDefaultCACertificates([...tls.getCACertificates(), ${JSON.stringify(cert)}])
  }`
}

/** Its name does not resolve at first. */
async function waitForDynamodb({ machine, print }: Story) {
  const { ssh } = machine
  machine.powerOn()
  const report = () => ssh('cat /var/lib/onebox/converge.json').catch(() => '')
  await eventually(async () => /DynamoDB .* does not answer/.test(await report()), bootLimitMs)
  const seconds = machine.seconds().toFixed(1)
  print(`without DynamoDB the release is not served, ${seconds} s after power-on`)

  await ssh(`echo '${dynamodbAddress} ${host}' | sudo tee -a /etc/hosts >/dev/null`)
  const startedAt = performance.now()
  await machine.until200(deployLimitMs)
  const later = ((performance.now() - startedAt) / 1000).toFixed(1)
  print(`it is tried again by itself: the first 200 ${later} s after DynamoDB was there`)
  await expectSoundBoot(machine)
  assert.equal((await put(machine.url, 'in the tables')).status, 204)
  assert.equal(await readHeading(machine.url), 'in the tables')
}

/** The metadata service is for root and the server; the server's network has DynamoDB, not its own. */
async function expectConfined({ machine, print }: Story) {
  const { ssh } = machine
  await ssh(`sudo ${metadata} ${token}`)
  await ssh(`sudo --user onebox ${metadata} ${token}`)
  await assert.rejects(ssh(`${metadata} ${token}`))
  // Into the group of processes that its rules are for.
  const inside = (url: string) =>
    ssh(
      `sudo bash -c 'echo $$ >/sys/fs/cgroup/system.slice/onebox.service/cgroup.procs; exec curl --silent --insecure --output /dev/null --max-time 5 ${url}'`,
    )
  await inside(`https://${dynamodbAddress}`)
  for (const closed of ['https://172.31.0.3', 'http://127.0.0.1']) {
    await assert.rejects(inside(closed), closed)
  }
  print('the server reaches DynamoDB and the metadata service, but no private address')
}

async function change(story: Story) {
  const release = await nextRelease(story.wanted.release, 'next of several')
  const load = startLoad(story.machine.url, { keepAlive: 2, oneShot: 1, pauseMs: 50 })
  await sleep(3000)
  const seconds = await deploy(story, { release })
  await sleep(3000)
  await expectAllAnswered(load, story.machine.url, 100)
  const { answered } = load.counts()
  story.print(
    `a release, live ${seconds} s after it was published: ${answered} requests, none failed`,
  )
}

async function restart({ machine, print }: Story) {
  await machine.reboot()
  await machine.until200(bootLimitMs)
  assert.equal(await readHeading(machine.url), 'in the tables')
  await expectSoundBoot(machine)
  print(`back ${machine.seconds().toFixed(1)} s after a reboot, with the data`)
}
