import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { duration } from '../../../scripts/terminal/format.ts'
import { startLoad } from '../../support/load.ts'
import { region } from '../image.ts'
import { type Laptop, makeStack, succeed, withLaptop } from '../laptop.ts'
import { expectSaved } from '../steps.ts'
import type { Story } from '../story.ts'

const writers = { keepAlive: 2, oneShot: 0, writeShare: 1, pauseMs: 50 }
// The image trusts the simulated S3, but Node has a list of its own.
const trust = `sudo mkdir -p /etc/systemd/system/onebox-offsite.service.d &&
  printf '[Service]\\nEnvironment=NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/boot-test-s3.crt\\n' |
    sudo tee /etc/systemd/system/onebox-offsite.service.d/boot-test.conf &&
  sudo systemctl daemon-reload`
// As if the last backup were minutes old.
const backUp = 'sudo rm -f /var/lib/onebox/offsite.json && sudo systemctl start onebox-offsite'
const backupLimitMs = 10 * 60_000

/** Machine and volume are gone under writes: a new stack has everything up to the last backup. */
export function lostVolume(story: Story) {
  return withLaptop(story, async (laptop) => {
    for (const stack of ['dev', 'west']) await makeOpenStack(laptop, stack, story)
    await succeed(laptop, 'up', /^onebox is up at/m, '--region', region, '--ssh', '--yes')
    const { before, all } = await loseUnderWrites(story)
    laptop.listBackups('dev')
    const startedAt = performance.now()
    const up = ['--stack', 'west', '--region', region, '--ssh', '--restore', 'latest']
    const out = await succeed(laptop, 'up', /^onebox is up at/m, ...up, '--from', 'dev', '--yes')
    assert.match(out, /^ {2}Restored .* from onebox-\w+; /m)
    const took = duration((performance.now() - startedAt) / 1000)
    await expectSaved(story.machine, before)
    const found = Number(await query(story, 'SELECT count(*) FROM birthdays'))
    assert.ok(found <= all.size)
    story.print(
      `all ${before.size} writes from before the backup are there, and ${found - before.size} of the ${all.size - before.size} since; ${took} from the loss to a checked site`,
    )
  })
}

async function makeOpenStack(laptop: Laptop, stack: string, { architecture }: Story) {
  await makeStack(laptop, stack, architecture)
  const open = { openWrites: 'true', writesPerMinute: '0', logLevel: 'error' }
  for (const [name, value] of Object.entries(open))
    await laptop.type('pulumi', 'config', 'set', name, value, '--stack', stack)
}

/** Returns the writes acknowledged before the last backup began, and all of them. */
async function loseUnderWrites({ machine, print }: Story) {
  await machine.ssh(trust)
  const load = startLoad(machine.url, writers)
  await sleep(10_000)
  const before = new Set(load.saved)
  await machine.ssh(backUp, backupLimitMs)
  await sleep(5000)
  await machine.powerCut()
  await load.stop()
  assert.ok(before.size > 0)
  print(`${load.saved.size} writes acknowledged, ${before.size} of them before the backup began`)
  return { before, all: load.saved }
}

async function query({ machine }: Story, sql: string): Promise<string> {
  const answer = await machine.ssh(`onebox db '${sql}'`)
  return /\d+/.exec(answer)?.[0] ?? ''
}
