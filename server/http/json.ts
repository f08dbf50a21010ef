import { fieldError, HttpError } from './http-error.ts'

const depthLimit = 32
const token = /"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/g

/**
 * Like JSON.parse, but refuses what that would change or drop silently: duplicate keys,
 * `__proto__`, numbers that lose digits, NUL and unpaired surrogates.
 * @throws {HttpError} 400
 */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new HttpError(400, `Malformed JSON: ${explain(error as SyntaxError)}`)
  }
  checkTokens(text)
  return value
}

/** V8 quotes the text that it failed on, and bodies must not be repeated: the position is enough. */
function explain(error: SyntaxError): string {
  const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0]
  if (/end of JSON input/.test(error.message)) return 'it ends too early'
  return place ? `syntax error ${place}` : 'syntax error'
}

function checkTokens(text: string) {
  const objects: (Set<string> | undefined)[] = []
  for (const [found] of text.matchAll(token)) {
    if (found === '{' || found === '[') open(objects, found)
    else if (found === '}' || found === ']') objects.pop()
    else if (found.endsWith(':')) checkKey(objects.at(-1) as Set<string>, stringOf(found))
    else if (found.startsWith('"')) stringOf(found)
    else checkNumber(found)
  }
}

function open(objects: (Set<string> | undefined)[], bracket: string) {
  objects.push(bracket === '{' ? new Set() : undefined)
  if (objects.length > depthLimit) {
    throw new HttpError(400, `The JSON is nested more than ${depthLimit} levels deep: flatten it`)
  }
}

function checkKey(keys: Set<string>, key: string) {
  if (key === '__proto__') throw fieldError(key, 'is not allowed as a key')
  if (keys.has(key)) throw fieldError(key.slice(0, 80), 'appears twice: keep one')
  keys.add(key)
}

function stringOf(found: string): string {
  const text = found.slice(1, found.lastIndexOf('"'))
  if (!text.includes('\\')) return text
  const value: string = JSON.parse(`"${text}"`)
  if (value.includes('\0') || !value.isWellFormed()) {
    throw new HttpError(400, 'A JSON string contains \\u0000 or an unpaired surrogate: remove it')
  }
  return value
}

function checkNumber(found: string) {
  const number = Number(found)
  const digits = found
    .replace(/e.*$/i, '')
    .replace(/\D/g, '')
    .replace(/^0+|0+$/g, '')
  const unsafe = /^-?\d+$/.test(found) && !Number.isSafeInteger(number)
  const vanishes = number === 0 && digits !== ''
  if (unsafe || vanishes || digits.length > 17 || !Number.isFinite(number)) {
    const what = `The number ${found.slice(0, 40)}`
    throw new HttpError(400, `${what} would lose digits: send it as a string`)
  }
}

/** @throws {HttpError} 400 unless `value` is an object with exactly these fields */
export function objectWith<Name extends string>(
  value: unknown,
  names: readonly Name[],
): Record<Name, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const wanted = `a JSON object with ${names.join(', ')}`
    throw new HttpError(400, `Expected ${wanted}, got ${kindOf(value)}`)
  }
  for (const key of Object.keys(value)) {
    if (!(names as readonly string[]).includes(key)) {
      throw fieldError(key.slice(0, 80), `is not a known field: use ${names.join(', ')}`)
    }
  }
  for (const name of names) if (!Object.hasOwn(value, name)) throw fieldError(name, 'is missing')
  return value as Record<Name, unknown>
}

/** @throws {HttpError} 400 */
export function stringField(value: unknown, field: string): string {
  if (typeof value !== 'string') throw fieldError(field, `must be a string, got ${kindOf(value)}`)
  return value
}

/** How an error names a value: 'null', 'an array', 'a number' … */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
