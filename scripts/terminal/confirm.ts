import { createInterface } from 'node:readline'

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
  const lines = createInterface({ input: process.stdin, output: process.stdout })
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
