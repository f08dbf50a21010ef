import { randomInt } from 'node:crypto'
import { type Item, number, numberOf, text, textOf } from '../dynamodb/item.ts'
import type { MovieKey } from './movie.ts'
import type { StoredMovie } from './store.ts'

/** No two states of a movie have the same one, even if it was removed and added again in between. */
export function newVersion(): number {
  return randomInt(2 ** 48 - 1)
}

export function keyOf({ year, title }: MovieKey): Item {
  return { year: number(year), title: text(title) }
}

export function toItem({ info, version, ...key }: StoredMovie): Item {
  return { ...keyOf(key), info: text(info), version: number(version) }
}

export function toMovie(item: Item): StoredMovie {
  const [year, version] = [numberOf(item, 'year'), numberOf(item, 'version')]
  return { year, title: textOf(item, 'title'), info: textOf(item, 'info'), version }
}

/** For maps. */
export function nameOf({ year, title }: MovieKey): string {
  return `movie ${year} ${title}`
}
