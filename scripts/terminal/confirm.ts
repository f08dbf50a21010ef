import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/**
 * Asks a person before something is done; `--yes` answers everything.
 * @throws {Error} without a terminal to ask at
 */
export async function confirm(question: string, { yes }: { yes: boolean }): Promise<boolean> {
  if (yes) return true
  const answer = await ask(`${question} [y/N] `)
  return /^y(es)?$/i.test(answer)
}

/** @throws {Error} unless the person agrees */
export async function assertConfirmed(question: string, options: { yes: boolean }) {
  if (!(await confirm(question, options))) throw new Error('Nothing was changed')
}

/** The line that a person types; empty if they press Ctrl-C. */
export async function ask(question: string): Promise<string> {
  if (!isInteractive()) {
    throw new Error(
      `Cannot ask "${question.trim()}" without a terminal: add --yes to skip confirmation`,
    )
  }
  return readLine(question, process.stdout)
}

/** The same, but what is typed does not show. Needs a terminal. */
export async function askSecret(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // The echo is off before anybody is asked.
  const answer = readLine('', nowhere)
  process.stdout.write(question)
  return answer.finally(() => process.stdout.write('\n'))
}

async function readLine(question: string, output: Writable): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true })
  lines.setPrompt(question)
  lines.prompt()
  try {
    for await (const line of lines) return line.trim()
    return ''
  } finally {
    lines.close()
  }
}

export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY
}
