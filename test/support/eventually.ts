import { setTimeout } from 'node:timers/promises'

/** Waits until something holds. @throws when it does not in time */
export async function eventually(holds: () => Promise<boolean>, withinMs = 20_000) {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not so within ${withinMs} ms: ${holds}`)
    await setTimeout(20)
  }
}
