import { findUrl } from '../site/secure.ts'
import { readTarget, type Target } from '../site/target.ts'
import { UsageError } from '../terminal/command.ts'

interface TargetOptions {
  stack: string | undefined
  url: string | undefined
  token?: string | undefined
}

/**
 * The site at `url`, or the one of a stack with the stack's own token.
 * @throws {Error} one line that names what is missing or wrong, and the cure
 */
export async function findTarget({ stack, url, token }: TargetOptions): Promise<Target> {
  if (stack === undefined) return readTarget(url, token)
  if (url !== undefined) throw new UsageError('--stack and --url exclude each other: drop one')
  // Pulumi takes a second to load: only those who need it wait.
  const { requireStack } = await import('./outputs.ts')
  const { outputs } = await requireStack(stack)
  return readTarget(await findUrl(outputs), token ?? (outputs.writeToken || undefined))
}
