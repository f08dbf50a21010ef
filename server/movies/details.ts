import type { Fields } from '../http/form.ts'
import { parseRating } from './movie.ts'

/** What the form of a movie can change, as text. */
export interface Details {
  plot: string
  rating: string
  /** One per line. */
  actors: string
}

type Info = Record<string, unknown>

/** The details in the info of a movie; those of another type than usual count as absent. */
export function detailsOf(info: Info): Details {
  const { plot, rating, actors } = info
  const isList = Array.isArray(actors) && actors.every((name) => typeof name === 'string')
  return {
    plot: typeof plot === 'string' ? plot : '',
    rating: typeof rating === 'number' ? String(rating) : '',
    actors: isList ? actors.join('\n') : '',
  }
}

/** The info with the details of a form; everything that the form left alone stays as it is. */
export function withDetails(info: Info, fields: Fields): Info {
  const before = detailsOf(info)
  const changed = { ...info }
  set('plot', (text) => text)
  set('rating', (text) => parseRating(text))
  set('actors', (text) =>
    text
      .split('\n')
      .map((name) => name.trim())
      .filter(Boolean),
  )
  return changed

  function set(name: keyof Details, parse: (text: string) => unknown) {
    const text = fields[name]?.trim()
    if (text === undefined || text === before[name].trim()) return
    if (text === '') delete changed[name]
    else changed[name] = parse(text)
  }
}

/** Everything else in the info of a movie, in words. The address of an image says nothing to people. */
export function otherFacts(info: Info): [name: string, text: string][] {
  const details: Partial<Record<string, string>> = { ...detailsOf(info) }
  return Object.entries(info)
    .filter(([name]) => !details[name] && name !== 'image_url')
    .map(([name, value]) => [nameInWords(name), inWords(name, value)])
}

function nameInWords(name: string): string {
  const words = name.replace(/_secs$/, '').replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function inWords(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => inWords('', item)).join(', ')
  if (typeof value === 'number' && name.endsWith('_secs'))
    return `${Math.round(value / 60)} minutes`
  if (typeof value === 'string') return value.replace(/^(\d{4}-\d\d-\d\d)T00:00:00Z$/, '$1')
  return JSON.stringify(value)
}
