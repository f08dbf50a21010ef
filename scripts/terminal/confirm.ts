import { createInterface } from 'node:readline'

/**
 * Asks a person before something is done; `--yes` answers everything.
 * @throws {Error} where nobody is there to be asked
 */
export async function confirm(question: string, { yes }: { yes: boolean }): Promise<boolean> {
  if (yes) return true
  const answer = await ask(`${question} [y/N] `)
  return /^y(es)?$/i.test(answer)
}

/** @throws {Error} unless the answer is yes */
export async function assertConfirmed(question: string, options: { yes: boolean }) {
  if (!(await confirm(question, options))) throw new Error('Nothing was changed')
}

/** The line that a person types; empty where they end it with Ctrl-C. */
export async function ask(question: string): Promise<string> {
  if (!isSomebodyThere()) {
    throw new Error(`Nobody is there to answer "${question.trim()}": add --yes to do it unasked`)
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

export function isSomebodyThere(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY
}
