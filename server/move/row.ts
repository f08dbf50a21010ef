import { hash } from 'node:crypto'

/** A row as both databases have it. Its version is its entity tag, so that tags outlive a move. */
export type Row =
  | ['movies', year: number, title: string, info: string, version: number]
  | ['birthdays', username: string, date: string, version: string]
  | ['saved_string', value: string, version: string]

export type Key =
  | ['movies', year: number, title: string]
  | ['birthdays', username: string]
  | ['saved_string']

/** Of each table: how many rows, and the sum of their SHA-256. Equal for equal rows in any order. */
export type Summary = Record<Row[0], { rows: number; sum: string }>

export const tableNames = ['movies', 'birthdays', 'saved_string'] as const

const modulus = 2n ** 256n

/** Sums up rows. */
export class RowSum {
  readonly #rows = { movies: 0, birthdays: 0, saved_string: 0 }
  readonly #sums = { movies: 0n, birthdays: 0n, saved_string: 0n }

  add(row: Row) {
    const [table] = row
    this.#rows[table] += 1
    this.#sums[table] += BigInt(`0x${hash('sha256', JSON.stringify(row))}`)
  }

  summary(): Summary {
    const entries = tableNames.map((table) => {
      const sum = (this.#sums[table] % modulus).toString(16).padStart(64, '0')
      return [table, { rows: this.#rows[table], sum }]
    })
    return Object.fromEntries(entries)
  }
}

/** The tables whose rows differ. */
export function differencesOf(one: Summary, other: Summary): Row[0][] {
  return tableNames.filter(
    (table) => one[table].rows !== other[table].rows || one[table].sum !== other[table].sum,
  )
}

export function keyOf(row: Row): Key {
  if (row[0] === 'movies') return ['movies', row[1], row[2]]
  return row[0] === 'birthdays' ? ['birthdays', row[1]] : ['saved_string']
}

const rowsATime = 500

/** Small enough parts to be held in memory. */
export async function* inParts<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
): AsyncGenerator<Item[]> {
  let part: Item[] = []
  for await (const item of items) {
    part.push(item)
    if (part.length < rowsATime) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
