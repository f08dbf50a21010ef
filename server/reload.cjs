// Replaces the workers of the running pm2, one after another, with the environment of this process.
// Each old one serves until its successor is ready, then drains while the next is replaced; this ends
// when all have. "pm2 reload" would wait for each drain before the next, and load all of pm2 to ask
// for it. All at once would be wrong: if none were ready in listen_timeout, pm2 would end all old ones,
// and Node closes a socket of systemd for good when no worker has it.
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { promisify } = require('node:util')
const axon = require('pm2/modules/pm2-axon')
const rpc = require('pm2/modules/pm2-axon-rpc')

const pauseMs = 250

const socket = axon.socket('req')
// Instead of connecting again and again.
socket.set('retry timeout', 0)
socket.on('error', fail)
socket.on('close', () => fail(new Error('pm2 does not run, or has ended')))
socket.connect(join(process.env.PM2_HOME, 'rpc.sock'))

const client = new rpc.Client(socket)
const call = promisify(client.call.bind(client))

main().then(() => process.exit(0), fail)

async function main() {
  const drains = []
  for (const { pm_id: id, pid } of await call('getMonitorData', {})) {
    const drain = call('reloadProcessId', { id, env: process.env })
    drains.push(drain)
    await Promise.race([drain, untilReady(id, pid)])
  }
  await Promise.all(drains)
}

/** pm2 counts a worker as online once it has said that it is ready, or has had listen_timeout for it. */
async function untilReady(id, oldPid) {
  for (let isReady = false; !isReady; await sleep(pauseMs)) {
    const workers = await call('getMonitorData', {})
    isReady = workers.some(
      ({ pm_id, pid, pm2_env }) => pm_id === id && pid !== oldPid && pm2_env.status === 'online',
    )
  }
}

function fail({ message }) {
  console.error(`reload: ${message}`)
  process.exit(1)
}
