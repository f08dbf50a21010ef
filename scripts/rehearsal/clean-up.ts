import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from '../stack/aws/call.ts'
import { deleteWithContent, findBackupBuckets } from '../stack/aws/stored-backups.ts'
import { project } from '../stack/settings.ts'
import { listAlive } from '../stack/unfinished.ts'
import { type Checkout, succeed, type } from './checkout.ts'
import { listSnapshots, type Rehearsal } from './life.ts'

const goneLimitMs = 300_000
const pollMs = 5000

/**
 * Destroys the stack, deletes its snapshots and backups, and waits until AWS has nothing more with its tags.
 * @throws {Error} naming what is left
 */
export async function cleanUp({ checkout, place }: Rehearsal) {
  if (!(await destroy(checkout))) return 'nothing had been made'
  for (const id of await listSnapshots(checkout)) {
    await succeed(checkout, ['snapshots', '--delete', id, '--yes'])
  }
  for (const bucket of await findBackupBuckets(place, { project, stack: checkout.stack })) {
    await deleteWithContent(place, bucket)
  }
  await assertGone(place, checkout.stack)
  await succeed(checkout, ['pulumi', 'stack', 'rm', '--yes'])
  return 'AWS has nothing left with the tags of the stack'
}

/** Returns whether there was a stack. */
async function destroy(checkout: Checkout): Promise<boolean> {
  const words = ['destroy', '--no-backup', '--yes']
  const { code, last } = await type(checkout, words)
  if (last.startsWith('There is no stack')) return false
  // What AWS refuses once, it often allows a moment later.
  if (code !== 0) await succeed(checkout, words)
  return true
}

async function assertGone(place: Place, stack: string) {
  const deadline = performance.now() + goneLimitMs
  for (;;) {
    const left = await listAlive(place, stack)
    if (left.length === 0) return
    if (performance.now() > deadline) {
      const cure = `delete them in the EC2 console in ${place.region}, as they may be billed`
      throw new Error(`AWS still has ${left.map(({ id }) => id).join(', ')}: ${cure}`)
    }
    await sleep(pollMs)
  }
}
