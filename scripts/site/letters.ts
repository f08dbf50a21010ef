import { randomInt } from 'node:crypto'

/** A unique name of letters only, as a username must be. */
export function randomLetters(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + randomInt(26))).join('')
}
