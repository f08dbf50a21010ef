import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { deploy, put, underLoad } from '../steps.ts'
import { deployLimitMs, type Story } from '../story.ts'

const token = 'a token for the boot test'.replaceAll(' ', '-')
const mainPid = 'systemctl show --property MainPID --value onebox.service'

/** New settings are a reload: the same release under the same pm2. */
export async function newSettings(story: Story) {
  const { machine, print, wanted } = story
  const before = await machine.ssh(mainPid)
  const environment = {
    ...wanted.environment,
    OPEN_WRITES: '',
    WRITE_TOKEN_SHA256: hash('sha256', token),
    TIME_ZONE: 'Pacific/Kiritimati',
  }
  await underLoad(
    story,
    async () => {
      const seconds = await deploy(story, { environment })
      print(`a token and a time zone took effect ${seconds} s after they were published`)
    },
    { writeShare: 0 },
  )
  assert.equal(await machine.ssh(mainPid), before, 'pm2 was not restarted')
  assert.equal((await put(machine.url, 'kept')).status, 401)
  const authorized = await put(machine.url, 'kept', { authorization: `Bearer ${token}` })
  assert.equal(authorized.status, 204)
}

/** The commands for people who log in. */
export async function byHand({ machine, print }: Story) {
  const { ssh } = machine
  assert.match(await ssh('onebox status'), /serving +release [\da-f]{12} on 2 workers/)
  assert.match(await ssh('onebox logs -n 200'), /converge\.sh\[\d+\]: live, release/)
  assert.match(await ssh(`onebox db 'SELECT count(*) FROM movies'`), /4609/)
  const before = await ssh('onebox releases')
  assert.match(before, / current/)
  assert.match(before, / previous/)
  const current = await ssh('readlink /opt/onebox/current')
  await ssh('onebox rollback', 600_000)
  assert.notEqual(await ssh('readlink /opt/onebox/current'), current)
  assert.equal((await put(machine.url, 'kept')).status, 204, 'without the token, as before')
  await ssh('onebox rollback', 600_000)
  assert.equal(await ssh('readlink /opt/onebox/current'), current)
  print('onebox status, logs, db, releases and rollback work')
  // It fails if converge starts the server again before it has stopped.
  await ssh('sudo systemctl stop onebox.service onebox.socket onebox-https.socket || true')
  await machine.until200(deployLimitMs)
  print('a stopped server is started again')
}
