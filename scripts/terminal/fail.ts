import { styleText } from 'node:util'
import { UsageError } from './command.ts'

/** Prints one red line, and the stack with DEBUG. */
export function fail(error: unknown) {
  console.error(styleText('red', lineOf(error), { stream: process.stderr }))
  if (process.env.DEBUG) console.error(error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

/** A message on one line, without what could control the terminal. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ').trim()
}
