import { styleText } from 'node:util'
import { HelpWanted } from './arguments.ts'

/** Runs what a person typed. Where it fails: one red line and exit code 1; the stack with DEBUG. */
export async function runCommand(command: () => Promise<void>) {
  process.stdout.on('error', endQuietly)
  try {
    await command()
  } catch (error) {
    if (error instanceof HelpWanted) console.log(error.message)
    else fail(error)
  }
}

export function fail(error: unknown) {
  console.error(styleText('red', lineOf(error), { stream: process.stderr }))
  if (process.env.DEBUG) console.error(error)
  process.exitCode = 1
}

/** Ends as other tools do when nobody reads on, as after `| head` (128 and SIGPIPE's number). */
function endQuietly({ code }: NodeJS.ErrnoException) {
  process.exit(code === 'EPIPE' ? 141 : 1)
}

/** A message on one line; what others wrote in it must not steer the terminal. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ').trim()
}
