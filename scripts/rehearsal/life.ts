import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../site/client.ts'
import { heading } from '../site/string-swap.ts'
import { authorization } from '../site/target.ts'
import type { Place } from '../stack/aws/call.ts'
import { stopInstance, terminateInstance } from '../stack/aws/ec2-instances.ts'
import { type Checkout, edit, expectFailure, succeed } from './checkout.ts'

export interface Rehearsal {
  checkout: Checkout
  place: Place
  /** The zones for its first volume and for the restored one; the same if the region has only one. */
  zones: { first: string; second: string }
}

export interface Step {
  what: string
  /** Returns what it measured, if it measured something. */
  run: (rehearsal: Rehearsal) => Promise<unknown>
}

/** The life of a stack, up to its last `destroy`. */
export const life: Step[] = [
  { what: 'up makes a site out of nothing', run: comeUp },
  { what: 'the page shows what a PUT saves', run: write },
  { what: 'a new release goes live without a failed request', run: deploy },
  { what: 'a release that fails at startup is rejected, and the site keeps serving', run: breakIt },
  { what: 'rollback returns to an earlier release, and up --latest to the newest', run: rollBack },
  { what: 'a stopped instance comes back with its data', run: powerCycle },
  { what: 'an instance terminated in the console is replaced, and its data stays', run: terminate },
  { what: 'up --new-instance moves the data and the address', run: replace },
  { what: 'a backup is fetched, and restored over newer data', run: backUp },
  { what: 'destroy keeps a snapshot, and up restores it in another zone', run: moveZone },
]

interface Outputs {
  url: string
  writeToken: string
  instanceId: string
}

const kept = 'kept'
// Its last line is the place for a change that any fork has.
const main = 'server/main.ts'
const pollMs = 200

async function comeUp({ checkout, place, zones }: Rehearsal) {
  await up(checkout, '--region', place.region, '--zone', zones.first, '--ssh')
  await expectString(checkout, 'dynamic string')
}

async function write({ checkout }: Rehearsal) {
  const { url } = await readOutputs(checkout)
  const { status } = await request(url, { method: 'PUT', body: 'anyone' })
  if (status !== 401) throw new Error(`a PUT without the token was answered ${status}`)
  await put(checkout, kept)
  await expectString(checkout, kept)
}

async function deploy({ checkout }: Rehearsal) {
  edit(checkout, main, (code) => `${code}\nObject.assign(globalThis, { rehearsed: true })\n`)
  return whileServing(checkout, () => up(checkout))
}

async function breakIt({ checkout }: Rehearsal) {
  const broken = (code: string) => `${code}\nthrow new Error('Broken at startup')\n`
  const good = edit(checkout, main, broken)
  try {
    return await whileServing(checkout, async () => {
      await expectFailure(checkout, ['up', '--yes'], /was rejected: .* is still live$/)
    })
  } finally {
    edit(checkout, main, () => good)
  }
}

async function rollBack({ checkout }: Rehearsal) {
  return whileServing(checkout, async () => {
    await succeed(checkout, ['rollback', '--yes'])
    await up(checkout, '--latest')
  })
}

async function powerCycle({ checkout, place }: Rehearsal) {
  const { instanceId } = await readOutputs(checkout)
  await stopInstance(place, instanceId)
  await expectFailure(checkout, ['status'], /is stopped: npx onebox up starts it$/)
  await bringBack(checkout)
}

async function terminate({ checkout, place }: Rehearsal) {
  const { instanceId } = await readOutputs(checkout)
  await terminateInstance(place, instanceId)
  await expectFailure(checkout, ['status'], /no longer exists: npx onebox up makes another$/)
  await bringBack(checkout)
}

async function replace({ checkout }: Rehearsal) {
  const before = await readOutputs(checkout)
  await bringBack(checkout, '--new-instance')
  const after = await readOutputs(checkout)
  if (after.instanceId === before.instanceId) throw new Error('the instance is the same')
  if (after.url !== before.url) throw new Error('the address has changed')
}

async function backUp({ checkout }: Rehearsal) {
  const file = join(checkout.dir, 'kept.db')
  await succeed(checkout, ['backup', file])
  await put(checkout, 'newer')
  await succeed(checkout, ['restore', file, '--overwrite', '--yes'])
  await expectString(checkout, kept)
}

async function moveZone({ checkout, place, zones }: Rehearsal) {
  await succeed(checkout, ['destroy', '--no-backup', '--yes'])
  const [newest] = await listSnapshots(checkout)
  if (newest === undefined) throw new Error('destroy left no snapshot')
  const where = ['--region', place.region, '--zone', zones.second, '--ssh']
  await bringBack(checkout, ...where, '--restore', newest)
  if (zones.first === zones.second) return 'in the same zone, as no other offers the type'
}

/** Runs up, which brings the site back, and checks that the data is there. */
async function bringBack(checkout: Checkout, ...options: string[]) {
  await up(checkout, ...options)
  await expectString(checkout, kept)
}

async function up(checkout: Checkout, ...options: string[]) {
  await succeed(checkout, ['up', ...options, '--yes'])
}

/** The ids of the stack's snapshots, newest first. */
export async function listSnapshots(checkout: Checkout): Promise<string[]> {
  const snapshots = JSON.parse(await succeed(checkout, ['snapshots', '--json'], { quiet: true }))
  return snapshots.map(({ id }: { id: string }) => id)
}

async function readOutputs(checkout: Checkout): Promise<Outputs> {
  const words = ['pulumi', 'stack', 'output', '--json', '--show-secrets']
  return JSON.parse(await succeed(checkout, words, { quiet: true }))
}

async function put(checkout: Checkout, body: string) {
  const { url, writeToken: token } = await readOutputs(checkout)
  const { status } = await request(url, { method: 'PUT', headers: authorization({ token }), body })
  if (status !== 204) throw new Error(`a PUT was answered ${status}`)
}

async function expectString(checkout: Checkout, expected: string) {
  const { url } = await readOutputs(checkout)
  const { text } = await request(url)
  const found = heading.exec(text)?.[1]
  if (found !== expected) throw new Error(`the page shows "${found}" instead of "${expected}"`)
}

/** Requests the page all the while. @throws {Error} if any request fails */
async function whileServing(checkout: Checkout, act: () => Promise<void>): Promise<string> {
  const { url } = await readOutputs(checkout)
  const visitor = visit(url)
  try {
    await act()
  } finally {
    await visitor.stop()
  }
  const { answered, failures } = visitor
  if (failures.length === 0) return `${answered} requests meanwhile, none failed`
  throw new Error(`${failures.length} of ${answered} requests failed: ${failures[0]}`)
}

function visit(url: string) {
  const visitor = { answered: 0, failures: [] as string[], stop }
  let isOpen = true
  const visiting = loop()
  return visitor

  async function loop() {
    for (; isOpen; await sleep(pollMs)) {
      visitor.answered += 1
      const problem = await request(url).then(
        ({ status }) => (status === 200 ? undefined : `answered ${status}`),
        ({ message }: Error) => message,
      )
      if (problem) visitor.failures.push(problem)
    }
  }

  async function stop() {
    isOpen = false
    await visiting
  }
}
