import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'
import { eventually } from '../support/eventually.ts'
import { expectAllAnswered, type Load, startLoad } from '../support/load.ts'
import { buildRelease, copyRelease, freePort, spawnFor } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'
import { type Service, startService } from '../support/service.ts'
import { needs, toolPath } from '../support/tools.ts'

const leastRequests = Number(process.env.REQUESTS ?? 10_000)
const skip = needs('haproxy') || needsDynoxide
let releases: string[]

before(async () => {
  if (skip) return
  const release = await buildRelease()
  releases = [release, copyRelease(release, 'the next one')]
})

test('deploys to two machines behind a load balancer fail no request and lose no write', {
  skip,
}, async (t) => {
  const { machines, url } = await startSite(t)
  const load = startLoad(url, { keepAlive: 16, oneShot: 8 })
  t.after(load.stop)
  for (let deploys = 1; deploys <= 2 || load.counts().answered < leastRequests; deploys += 1) {
    const release = releases[deploys % 2] as string
    await Promise.all(machines.map((machine) => deploy(machine, release)))
  }
  await expectAllAnswered(load, url, leastRequests)
})

// A load balancer cannot know whether the dead machine has carried out what it was sent.
test('of two machines one is killed under load: who tries again is served, and no write is lost', {
  skip,
}, async (t) => {
  const { machines, url } = await startSite(t)
  const load = startLoad(url, { keepAlive: 8, oneShot: 8, pauseMs: 5, tries: 10 })
  t.after(load.stop)
  const [doomed] = machines
  await untilAnswered(load, 500)
  doomed?.kill()
  await untilAnswered(load, 2000)
  await expectAllAnswered(load, url, 2000)
})

/** Two machines with the same tables, behind a load balancer that tries nothing again, as AWS's. */
async function startSite(t: TestContext): Promise<{ machines: Service[]; url: string }> {
  const env = {
    STORE: 'dynamodb',
    AWS_ENDPOINT_URL_DYNAMODB: await startDynoxide(),
    // Longer than the load balancer keeps an idle connection.
    KEEP_ALIVE_SECONDS: '15',
  }
  const [release = ''] = releases
  const machines = [
    await startService(t, release, { env }),
    await startService(t, release, { env }),
  ]
  return { machines, url: await startBalancer(t, machines) }
}

async function startBalancer(t: TestContext, machines: Service[]): Promise<string> {
  const dir = makeDataDir()
  const port = await freePort()
  const file = join(dir, 'haproxy.conf')
  const servers = machines.map(({ url }, index) => `server m${index} ${new URL(url).host} check`)
  writeFileSync(
    file,
    `defaults
  mode http
  retries 0
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend site
  bind 127.0.0.1:${port}
  default_backend machines
backend machines
  option httpchk GET /healthz
  http-reuse always
  default-server inter 500ms fall 2 rise 2
  ${servers.join('\n  ')}
`,
  )
  const env = { PATH: toolPath, HOME: dir }
  const haproxy = spawnFor(t, ['-db', '-f', file], { command: 'haproxy', env })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => {
    assert.equal(haproxy.exitCode, null, haproxy.output())
    return fetch(`${url}/echo`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return url
}

async function deploy(machine: Service, release: string) {
  machine.switchTo(release)
  await machine.reload()
  await machine.until(release)
}

function untilAnswered(load: Load, requests: number) {
  const wanted = load.counts().answered + requests
  return eventually(async () => load.counts().answered >= wanted, 120_000)
}
