import type { Bench } from './servers.ts'

/** The same benchmark with at most so many rounds, for what takes long and hardly varies. */
export function atMostRounds(bench: Bench, most: number): Bench {
  const rounds = Math.min(bench.options.rounds, most)
  return { ...bench, options: { ...bench.options, rounds } }
}

/**
 * Measures the items one after the other in each round. Every round starts with another item, so that
 * noise of the machine, and what the previous item leaves behind, affect all of them alike.
 */
export async function alternate<Item, Result>(
  rounds: number,
  items: Item[],
  measure: (item: Item, round: number) => Promise<Result>,
): Promise<Result[][]> {
  const results: Result[][] = items.map(() => [])
  for (let round = 1; round <= rounds; round += 1) {
    for (const index of rotated(items.length, round - 1)) {
      results[index]?.push(await measure(items[index] as Item, round))
    }
  }
  return results
}

function rotated(length: number, by: number): number[] {
  return Array.from({ length }, (_, index) => (index + by) % length)
}
