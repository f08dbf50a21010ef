import assert from 'node:assert/strict'
import type { Release } from '../../../provisioning/packaging/release.ts'
import { addMigration, damage, nextRelease, spoilRelease } from '../archives.ts'
import { deploy, publish, underLoad } from '../steps.ts'
import { deployLimitMs, type Story } from '../story.ts'
import { watch } from '../watch.ts'

interface BadRelease {
  /** What it does wrong. */
  what: string
  make: (good: Release, dir: string) => Promise<Release>
  /** The reason that /healthz gives. */
  reason: RegExp
}

const deaf = `require('node:net').Server.prototype.listen = function () { return this }`

const bad: BadRelease[] = [
  {
    what: 'throws at start',
    make: (good) => spoilRelease(good, 'throws', `throw new Error('broken at start')`),
    reason: /canary failed.*broken at start/,
  },
  {
    what: 'never gets ready',
    make: (good) => spoilRelease(good, 'deaf', deaf),
    reason: /canary failed.*Not ready in \d+ ms/,
  },
  {
    what: 'cannot migrate the database',
    make: (good) => addMigration(good, 'migration', 'CREATE TABLE movies (id INTEGER)'),
    reason: /canary failed.*table movies already exists/,
  },
  {
    what: 'has a damaged archive',
    make: async (good, dir) => damage(await nextRelease(good, 'damaged'), dir),
    reason: /is damaged/,
  },
]

/** Bad releases are rejected with a reason, and never answer a client. */
export async function badReleases(story: Story, { count = bad.length } = {}) {
  await story.machine.ssh(shortenTimeout)
  const good = story.wanted.release
  for (const one of bad.slice(0, count)) {
    await underLoad(story, () => expectRejected(story, one))
  }
  await deploy(story, { release: good })
}

// The default timeout allows for slow machines, too long for a release that does nothing.
const shortenTimeout = [
  'sudo mkdir -p /run/systemd/system/onebox-canary.service.d',
  `printf '[Service]\\nEnvironment=CANARY_TIMEOUT_MS=60000\\n' |
     sudo tee /run/systemd/system/onebox-canary.service.d/boot-test.conf`,
  'sudo systemctl daemon-reload',
].join(' && ')

async function expectRejected(story: Story, { what, make, reason }: BadRelease) {
  const good = story.wanted.release
  const release = await make(good, story.dir)
  const watching = watch(story.machine.url)
  const id = publish(story, { release })
  const startedAt = performance.now()
  try {
    const { deploy } = await watching.until(
      (health) => health.deploy?.desired === id && health.deploy.status === 'rejected',
      deployLimitMs,
    )
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    story.print(`a release that ${what} was rejected after ${seconds} s: ${deploy?.reason}`)
    assert.match(deploy?.reason ?? '', reason)
    assert.deepEqual([...watching.releases], [good.id])
  } finally {
    await watching.stop()
    story.wanted.release = good
  }
}
