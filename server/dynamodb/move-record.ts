import { type Item, number, numberOf, text, textOf } from './item.ts'

/** The item that decides where the data is; without it, the data is here. */
export interface MoveRecord {
  /**
   * Towards the tables: `checking` that they are free, `copying`, `following` changes, `open`. Away from
   * them: `fenced`, `left`. Writes go on only if they are open; `cancelled` is over once they are cleared.
   */
  phase: 'checking' | 'copying' | 'following' | 'open' | 'fenced' | 'left' | 'cancelled'
  /** The other side. */
  other: string
  /** Where the data has gone, also while it comes back. */
  url: string
  /** The run that moves the data, and how often it has said that it is alive. */
  holder: string
  beat: number
}

export const moveKey = { kind: text('move'), id: text('0') }

export function toMoveItem({ phase, other, url, holder, beat }: MoveRecord): Item {
  return {
    ...moveKey,
    phase: text(phase),
    other: text(other),
    url: text(url),
    holder: text(holder),
    beat: number(beat),
  }
}

export function toMoveRecord(item: Item): MoveRecord {
  return {
    phase: textOf(item, 'phase') as MoveRecord['phase'],
    other: textOf(item, 'other'),
    url: textOf(item, 'url'),
    holder: textOf(item, 'holder'),
    beat: numberOf(item, 'beat'),
  }
}
