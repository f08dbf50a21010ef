import assert from 'node:assert/strict'
import fs, { writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Alarm } from '../support/cloudwatch.ts'
import { makeDataDir, startApp } from '../support/server.ts'
import { runOnebox } from './onebox.ts'

const stack = await runOnebox({ settings: { alarmEmail: 'anna@example.com' } })

/** An alarm of the stack after two days without trouble, and the mails about what comes then. */
function alarmOf(name: string, good: number) {
  const { inputs } = stack.one('cloudwatch.MetricAlarm', name)
  const alarm = new Alarm({ ...inputs, name: `onebox-dev-${name}-1a2b3c4` })
  alarm.observe(Array(2880).fill(good))
  return { alarm, periods: inputs.evaluationPeriods as number }
}

/** Fires once the trouble has lasted, clears once it is over, and says both once. */
function assertMails(
  name: string,
  { good, bad }: { good: number; bad: number | undefined },
  description: string,
) {
  const { alarm, periods } = alarmOf(name, good)
  assert.deepEqual(alarm.observe([...Array(periods - 1).fill(bad), good]), [], 'too short')
  assert.deepEqual(alarm.observe(Array(2 * periods).fill(bad)), [
    { state: 'ALARM', subject: `ALARM: "onebox-dev-${name}-1a2b3c4"`, description },
  ])
  assert.deepEqual(alarm.observe(Array(periods).fill(good)), [
    { state: 'OK', subject: `OK: "onebox-dev-${name}-1a2b3c4"`, description },
  ])
}

test('failed hardware, a failed system and a lack of CPU credits are mailed', () => {
  const failed = { good: 0, bad: 1 }
  assertMails('recover', failed, "The instance's hardware has failed: AWS will recover it")
  assertMails('reboot', failed, "The instance's operating system has failed: AWS will reboot it")
  const credits = 'The instance has had no CPU credits for two hours, so it is slow'
  assertMails('credits', { good: 100, bad: 0 }, credits)
})

// What Route 53 reports: 1 for an answer with a 2xx or 3xx status, else 0.
const ok = 1
const failing = 0

async function check(url: string, path: string): Promise<number> {
  const answer = await fetch(url + path).catch(() => undefined)
  return answer && answer.status < 400 ? ok : failing
}

const overdue = { backedUpTo: '2026-01-01T00:00:00Z', drill: { at: '2026-01-01T00:00:00Z' } }

type Trouble = (site: Site) => void | Promise<void>

interface Site {
  t: TestContext
  write: (file: 'deploy.json' | 'offsite.json', state: object) => void
  mock: (object: object, method: string, answer: unknown) => void
}

const machineText =
  'The disk or the memory is nearly used up, a worker does not answer, or a deploy was rejected'

/** What goes wrong at a site that answers, and what the mail then says. */
const troubles: [what: string, alarm: string, trouble: Trouble, text: string, answer: RegExp][] = [
  [
    'a backup that is overdue',
    'backups',
    ({ write }) => write('offsite.json', { ...fresh(), backedUpTo: overdue.backedUpTo }),
    'No backup reaches the bucket, or none could be restored to a scratch file',
    /The bucket has no backup since 2026-01-01/,
  ],
  [
    'a restore drill that is overdue',
    'backups',
    ({ write }) => write('offsite.json', { ...fresh(), drill: overdue.drill }),
    'No backup reaches the bucket, or none could be restored to a scratch file',
    /The last restore drill that succeeded was at 2026-01-01/,
  ],
  [
    'a disk that fills',
    'attention',
    ({ mock }) => mock(fs, 'statfsSync', { bsize: 4096, blocks: 100, bavail: 9 }),
    machineText,
    /The disk is nearly full/,
  ],
  [
    'memory that runs out',
    'attention',
    ({ mock }) => mock(os, 'freemem', 1000),
    machineText,
    /Memory is nearly used up/,
  ],
  [
    'a deploy that was rejected',
    'attention',
    ({ write }) => write('deploy.json', { ...live, status: 'rejected', reason: 'It throws' }),
    machineText,
    /The deploy was rejected: It throws/,
  ],
]

const live = { status: 'live', at: '2026-11-28T09:00:00Z' }

function fresh() {
  const now = new Date().toISOString()
  return { backedUpTo: now, drill: { at: now, name: 'onebox-20261128T090000Z' } }
}

for (const [what, name, trouble, text, answer] of troubles) {
  test(`${what} is mailed, and so is its end`, async (t) => {
    const folder = makeDataDir()
    const site: Site = {
      t,
      write: (file, state) => writeFileSync(join(folder, file), JSON.stringify(state)),
      mock: (object, method, value) => {
        t.mock.method(object, method as never, (() => value) as never)
        syncBuiltinESMExports()
      },
    }
    site.write('deploy.json', live)
    site.write('offsite.json', fresh())
    const { url } = await startApp(t, {
      DEPLOY_STATE_FILE: join(folder, 'deploy.json'),
      OFFSITE_URL: 'https://backups.example',
      OFFSITE_STATE_FILE: join(folder, 'offsite.json'),
    })
    const path = pathOf(name)
    assert.equal(await check(url, path), ok)
    await trouble(site)
    assert.match(await (await fetch(url + path)).text(), answer)
    assertMails(name, { good: ok, bad: await check(url, path) }, mailText(text, path))
    t.mock.restoreAll()
    syncBuiltinESMExports()
    site.write('deploy.json', live)
    site.write('offsite.json', fresh())
    assert.equal(await check(url, path), ok)
  })
}

test('a worker that is silent is mailed, and so is its end', async (t) => {
  const dataDir = makeDataDir()
  const workers = { DATA_DIR: dataDir, WEB_CONCURRENCY: '2' }
  const { url } = await startApp(t, { ...workers, NODE_APP_INSTANCE: '0' })
  const path = pathOf('attention')
  const bad = await check(url, path)
  assert.match(await (await fetch(url + path)).text(), /Not answering: worker 1/)
  await startApp(t, { ...workers, NODE_APP_INSTANCE: '1' })
  const good = await check(url, path)
  assert.deepEqual({ good, bad }, { good: ok, bad: failing })
  assertMails('attention', { good, bad }, mailText(machineText, path))
})

test('a site that does not answer is mailed, and so is one that nobody asks', async (t) => {
  const { url, server } = await startApp(t)
  const path = pathOf('outside')
  const good = await check(url, path)
  server.closeAllConnections()
  server.close()
  const bad = await check(url, path)
  assert.deepEqual({ good, bad }, { good: ok, bad: failing })
  const text = mailText('AWS gets no 200 for /healthz from outside the instance', path)
  assertMails('outside', { good, bad }, text)
  assertMails('outside', { good, bad: undefined }, text)
})

// Its check itself is in test/server/tls/https.test.ts.
test('a certificate that is not renewed is mailed, and so is its end', () => {
  const text = 'The certificate expires in less than two days, or there is none'
  const path = pathOf('certificate')
  assertMails('certificate', { good: ok, bad: failing }, mailText(text, path))
})

test('these are all alarms', () => {
  const names = stack.all('cloudwatch.MetricAlarm').map(({ name }) => name)
  const mailed = ['recover', 'reboot', 'credits', 'outside', 'certificate', 'backups', 'attention']
  assert.deepEqual(names.sort(), mailed.sort())
})

function pathOf(name: string): string {
  return stack.one('route53.HealthCheck', name).inputs.resourcePath
}

function mailText(text: string, path: string): string {
  return `${text}: http://203.0.113.10${path} says more`
}
