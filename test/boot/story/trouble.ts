import assert from 'node:assert/strict'
import { postLines } from '../../support/movies.ts'
import { nextRelease } from '../archives.ts'
import { publish, put, underLoad, untilLive } from '../steps.ts'
import { bootLimitMs, deployLimitMs, type Story } from '../story.ts'
import { watch } from '../watch.ts'
import { expectStored } from './blank-instance.ts'

/** Fills a disk with one file. */
const fill = (path: string) =>
  `sync; sudo fallocate --length $(df --block-size=1 --output=avail ${path} | tail -n 1) ${path}/filler || true`
const free = (path: string) => `sudo rm ${path}/filler`

/** While AWS or a disk fails, the instance keeps serving, and deploys afterwards. */
export async function trouble(story: Story) {
  const { aws, machine } = story
  await deployInTrouble(story, {
    what: 'S3 is gone',
    reason: /S3/,
    ...failureOf(aws.s3),
  })
  await deployInTrouble(story, {
    what: 'the metadata service is gone',
    reason: /metadata/,
    ...failureOf(aws.metadata),
  })
  await deployInTrouble(story, {
    what: 'the root disk is full',
    reason: /full/,
    begin: () => machine.ssh(fill('/')),
    end: () => machine.ssh(free('/')),
  })
  await fillDataVolume(story)
  await cutPowerInDeploy(story)
}

interface Trouble {
  what: string
  /** The reason that /healthz gives. */
  reason: RegExp
  begin: () => Promise<unknown>
  end: () => Promise<unknown>
}

function failureOf(service: { failing: boolean }): Pick<Trouble, 'begin' | 'end'> {
  const fail = (failing: boolean) => async () => {
    service.failing = failing
  }
  return { begin: fail(true), end: fail(false) }
}

async function deployInTrouble(story: Story, { what, reason, begin, end }: Trouble) {
  const release = await nextRelease(story.wanted.release, `next when ${what}`)
  await underLoad(story, async () => {
    await begin()
    const id = publish(story, { release })
    const watching = watch(story.machine.url)
    try {
      await watching.until(
        ({ deploy }) => deploy?.status === 'waiting' && reason.test(deploy.reason ?? ''),
        deployLimitMs,
      )
    } finally {
      await watching.stop()
      await end()
    }
    await untilLive(story, id)
    story.print(`${what}: the instance kept serving, waited, and deployed afterwards`)
  })
}

/** One write that exceeds the space SQLite has already allocated. */
const tooMuch = Array.from({ length: 700 }, (_, index) => ({
  year: 2000,
  title: `Too much ${index}`,
  info: { plot: 'x'.repeat(10_000) },
}))

async function fillDataVolume({ machine, print }: Story) {
  const { url, ssh } = machine
  await ssh(fill('/data'))
  try {
    assert.equal((await postLines(url, tooMuch)).status, 507)
    assert.equal((await fetch(url)).status, 200)
    await ssh('sudo systemctl restart onebox.service')
    await machine.until200(deployLimitMs)
    assert.equal((await postLines(url, tooMuch)).status, 507)
  } finally {
    await ssh(free('/data'))
  }
  assert.equal((await put(url, 'kept')).status, 204)
  await expectStored(url)
  print('the data volume is full: writes got 507, reads worked, also after a restart')
}

async function cutPowerInDeploy(story: Story) {
  const { machine, print } = story
  const id = publish(story, { release: await nextRelease(story.wanted.release, 'cut short') })
  const watching = watch(machine.url)
  try {
    await watching.until(({ deploy }) => deploy?.status === 'deploying', deployLimitMs)
  } finally {
    await watching.stop()
  }
  await machine.powerCut()
  machine.powerOn()
  await machine.until200(bootLimitMs)
  await untilLive(story, id)
  await expectStored(machine.url)
  print('a power cut during a deploy: the instance came back and finished the deploy')
}
