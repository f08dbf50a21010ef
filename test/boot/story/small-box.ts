import assert from 'node:assert/strict'
import type { Machine } from '../machine.ts'
import type { Story } from '../story.ts'

const exposureLimit = 2
const units = '/etc/systemd/system/onebox*.{service,socket,timer}'
const swapLimitMiB = 256

/** Little memory and few rights are enough. */
export async function smallBox({ machine, print }: Story) {
  await expectFits(machine, print)
  await expectConfined(machine)
  print('the service is confined and cannot reach the metadata service')
}

async function expectFits({ ssh }: Machine, print: Story['print']) {
  const killed = await ssh('sudo journalctl --dmesg --grep "Out of memory" --no-pager || true')
  assert.doesNotMatch(killed, /Killed process/)
  const [total, used, swap] = await Promise.all([
    ssh(`free --mebi | awk '/^Mem/ { print $2 }'`),
    ssh(`free --mebi | awk '/^Mem/ { print $3 }'`),
    ssh(`free --mebi | awk '/^Swap/ { print $3 }'`),
  ])
  assert.ok(Number(swap) < swapLimitMiB, `${swap} MiB are swapped out`)
  const peak = await ssh('systemctl show --property MemoryPeak --value onebox.service')
  const peakMiB = Math.round(Number(peak) / 2 ** 20)
  print(
    `${used} of ${total} MiB in use and ${swap} swapped out; the service peaked at ${peakMiB} MiB`,
  )
}

async function expectConfined({ ssh }: Machine) {
  const security = await ssh('systemd-analyze security onebox.service --no-pager | tail -n 1')
  const [, exposure] = /: (\d+\.\d+) /.exec(security) ?? []
  assert.ok(Number(exposure) <= exposureLimit, security)
  assert.equal(await ssh(`bash -c 'systemd-analyze verify ${units} 2>&1'`), '')
  const ask = 'curl --silent --max-time 5 http://169.254.169.254/'
  await assert.rejects(ssh(`sudo --user onebox ${ask}`))
  const pid = await ssh('systemctl show --property MainPID --value onebox.service')
  await assert.rejects(ssh(`sudo nsenter --target ${pid} --net ${ask}`))
  // To prove the check: root can reach it.
  await ssh(`sudo ${ask}`)
}
