import type { Preconditions } from '../http/conditional.ts'
import { HttpError } from '../http/http-error.ts'
import { type Attribute, type Item, number, text } from './item.ts'

/** A condition of a write, with the names and values that it uses. */
export interface Condition {
  ConditionExpression: string
  ExpressionAttributeNames: Record<string, string>
  ExpressionAttributeValues?: Item
}

// Of IN.
const operandLimit = 100
const tooMany = `If-Match and If-None-Match take at most ${operandLimit} tags: send fewer`

const exists = 'attribute_exists(#version)'
const isMissing = 'attribute_not_exists(#version)'

export function isPlain({ ifMatch, ifNoneMatch }: Preconditions): boolean {
  return ifMatch === undefined && ifNoneMatch === undefined
}

/** Whether the preconditions of a request hold for the version that is stored, if there is one. */
export function preconditionsHold(
  { ifMatch, ifNoneMatch }: Preconditions,
  version: string | undefined,
): boolean {
  const isAmong = (tags: readonly string[]) =>
    version !== undefined && tags.some((tag) => tag === '*' || versionIn(tag) === version)
  return (!ifMatch || isAmong(ifMatch)) && !(ifNoneMatch && isAmong(ifNoneMatch))
}

/** The same as a condition, beside whether the item must be there already; versions are of one type. */
export function conditionOf(
  { ifMatch, ifNoneMatch }: Preconditions,
  { mustExist, numeric = false }: { mustExist?: boolean; numeric?: boolean } = {},
): Partial<Condition> {
  const values: Item = {}
  const parts: string[] = []
  if (mustExist !== undefined) parts.push(mustExist ? exists : isMissing)
  if (ifMatch) parts.push(ifMatch.includes('*') ? exists : isAmong(ifMatch))
  if (ifNoneMatch) parts.push(ifNoneMatch.includes('*') ? isMissing : `NOT ${isAmong(ifNoneMatch)}`)
  if (parts.length === 0) return {}
  return {
    ConditionExpression: parts.join(' AND '),
    ExpressionAttributeNames: { '#version': 'version' },
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  }

  function isAmong(tags: readonly string[]): string {
    const names = [...new Set(tags)].map(addValue).filter((name) => name !== undefined)
    if (names.length > operandLimit) throw new HttpError(400, tooMany)
    return names.length === 0 ? `(${exists} AND ${isMissing})` : `#version IN (${names})`
  }

  function addValue(tag: string): string | undefined {
    const value = attributeOf(versionIn(tag), numeric)
    if (value === undefined) return undefined
    const name = `:v${Object.keys(values).length}`
    values[name] = value
    return name
  }
}

/** The part of a tag before its first hyphen. */
function versionIn(tag: string): string {
  return tag.split('-')[0] as string
}

/** Undefined for a tag that cannot be such a version. */
function attributeOf(version: string, numeric: boolean): Attribute | undefined {
  if (!numeric) return text(version)
  return /^(0|[1-9]\d{0,14})$/.test(version) ? number(Number(version)) : undefined
}
