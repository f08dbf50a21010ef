const farthest = 2

/** The word that differs from `typed` in at most two letters, or else begins with it. */
export function nearest(typed: string, words: string[]): string | undefined {
  const ranked = words
    .map((word) => ({ word, distance: distance(typed, word) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  if (best && best.distance <= Math.min(farthest, best.word.length - 1)) return best.word
  return typed === '' ? undefined : words.find((word) => word.startsWith(typed))
}

/** Letters to insert, delete, replace or swap with the next (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const at = (di: number, dj: number) => (rows[i - di] ?? row)[j - dj] as number
      const isSame = a[i - 1] === b[j - 1]
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const choices = [at(1, 0) + 1, (row[j - 1] as number) + 1, at(1, 1) + (isSame ? 0 : 1)]
      if (isSwap) choices.push(at(2, 2) + 1)
      row.push(Math.min(...choices))
    }
    rows.push(row)
  }
  return rows.at(-1)?.at(-1) as number
}
