import assert from 'node:assert/strict'
import { eventually } from '../../support/eventually.ts'
import { floodLog } from '../archives.ts'
import { deploy } from '../steps.ts'
import { deployLimitMs, type Story } from '../story.ts'

const crashes = 7
const restartLimitSeconds = 5
const burst =
  'printf "[Journal]\\nRateLimitBurst=500\\n" | sudo tee /run/systemd/journald.conf.d/burst.conf'
const journal = 'sudo journalctl --unit onebox --output cat --no-pager'

/** An overflowing log drops no errors, and repeated crashes of pm2 do not slow its restarts. */
export async function hardTimes(story: Story) {
  await floodJournal(story)
  await crashAgainAndAgain(story)
}

async function floodJournal(story: Story) {
  const { machine, print, wanted } = story
  const { release, environment } = wanted
  const limit = `sudo mkdir -p /run/systemd/journald.conf.d && ${burst}`
  await machine.ssh(`${limit} && sudo systemctl restart systemd-journald`)
  const flood = await floodLog(release, 'flood')
  await deploy(story, {
    release: flood.release,
    environment: { ...environment, LOG_LEVEL: 'info' },
  })
  const isOver = `until ${journal} | grep --count 'last of the flood' | grep --quiet 2; do sleep 1; done`
  await machine.ssh(isOver, deployLimitMs)
  const count = async (text: string) =>
    Number(await machine.ssh(`${journal} | grep --count '${text}' || true`))
  const lines = await count('"a request"')
  const errors = await count('"a mistake"')
  assert.ok(lines < 2 * flood.lines, 'nothing was dropped')
  assert.equal(errors, 2 * flood.errors)
  assert.equal(
    await machine.ssh(`${journal} --priority err | grep --count '"a mistake"'`),
    String(errors),
  )
  print(
    `the journal kept ${lines} of ${2 * flood.lines} lines in a burst, and all ${errors} errors`,
  )
  await machine.ssh('sudo rm /run/systemd/journald.conf.d/burst.conf')
  await deploy(story, { release, environment })
}

async function crashAgainAndAgain({ machine, print }: Story) {
  const { ssh } = machine
  const property = async (name: string) =>
    Number(await ssh(`systemctl show --property ${name} --value onebox.service`))
  const before = await property('NRestarts')
  for (let crash = 1; crash <= crashes; crash += 1) {
    await ssh('sudo systemctl kill --kill-whom=main --signal=KILL onebox.service')
    await eventually(async () => (await property('NRestarts')) === before + crash, deployLimitMs)
    await machine.until200(deployLimitMs)
  }
  const [ended, started] = await Promise.all(
    ['InactiveEnterTimestampMonotonic', 'ExecMainStartTimestampMonotonic'].map(property),
  )
  const seconds = ((started as number) - (ended as number)) / 1e6
  assert.ok(seconds > 0 && seconds < restartLimitSeconds, `the last restart took ${seconds} s`)
  print(`after crash ${crashes}, pm2 was back in ${seconds.toFixed(1)} s`)
}
