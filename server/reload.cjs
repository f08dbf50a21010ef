// Replaces all workers of the running pm2 at the same time, with the environment of this process. Each
// old one serves until its successor is ready, then drains; this ends when all have. "pm2 reload" would
// replace the second of two workers only after the first had drained, and load all of pm2 to ask for it.
const { join } = require('node:path')
const { promisify } = require('node:util')
const axon = require('pm2/modules/pm2-axon')
const rpc = require('pm2/modules/pm2-axon-rpc')

const socket = axon.socket('req')
// Instead of connecting again and again.
socket.set('retry timeout', 0)
socket.on('error', fail)
socket.on('close', () => fail(new Error('pm2 does not run, or has ended')))
socket.connect(join(process.env.PM2_HOME, 'rpc.sock'))

const client = new rpc.Client(socket)
const call = promisify(client.call.bind(client))

call('getMonitorData', {})
  .then((workers) => Promise.all(workers.map(reload)))
  .then(() => process.exit(0), fail)

function reload({ pm_id: id }) {
  return call('reloadProcessId', { id, env: process.env })
}

function fail({ message }) {
  console.error(`reload: ${message}`)
  process.exit(1)
}
