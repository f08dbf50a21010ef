/** The error of the Pulumi CLI, or of AWS through it, on one readable line. */
export function explainPulumi(error: unknown): Error {
  const { message } = error as Error
  // The Automation API gives the whole output of the CLI.
  const lines = message.split('\n').filter((line) => /^\s*error: /.test(line))
  const reasons = lines.map((line) => readableReason(line)).filter((reason) => !isSummary(reason))
  return new Error(reasons[0] ?? readableReason(message), { cause: error })
}

/** Whether another run holds the lock of the stack, or has left it behind. */
export function isLocked(error: unknown): boolean {
  const { name, message } = error as Error
  return name === 'ConcurrentUpdateError' || message.includes('is currently locked by')
}

/** Without what only helps developers of Pulumi or its AWS provider. */
export function readableReason(text: string, stack?: string): string {
  return asCommands(withoutTrace(text), stack)
    .replace(/<\{%.*?%\}>/g, '')
    .replace(/^\s*(error|warning): /, '')
    .replace(/^error serializing property "\w+": /, '')
    .replace(/\S*provider2\.go:\d+: sdk\.helper_schema: /g, '')
    .replace(/https response error StatusCode: \d+, /g, '')
    .replace(/(RequestID|HostID): [^,\s]*,? ?/g, '')
    .replace(/operation error [^:]+: [^,]+, /g, '')
    .replace(/\bapi error /g, '')
    .replace(/: provider=\S+$/m, '')
    .replace(/\d+ errors? occurred:\s*\*/, '')
    .replace(/\s+/g, ' ')
    .trim()
}

/** What a program says that throws by mistake: the error, but not where it comes from. */
function withoutTrace(text: string): string {
  const [, trace = ''] = text.split('failed with an unhandled exception:')
  const error = /^(?:<\{%.*?%\}>)?\s*(\w*Error\b.*)$/m.exec(trace)?.[1]
  return error === undefined ? text : `The Pulumi program failed: ${error}; DEBUG=1 shows where`
}

/** The Pulumi CLI's commands as they are typed here; without `stack`, for the selected stack. */
export function asCommands(text: string, stack?: string): string {
  const flag = stack === undefined ? '' : ` --stack ${stack}`
  return text
    .replace(
      /\bpulumi (cancel|config|import|refresh|stack|state)\b/g,
      `npx onebox pulumi $1${flag}`,
    )
    .replace(/\bpulumi (plugin|install|login|logout)\b/g, 'npx onebox pulumi $1')
    .replace(/\bpulumi (up|preview|destroy)\b/g, `npx onebox $1${flag}`)
}

function isSummary(reason: string): boolean {
  return /^(update|preview|destroy) failed$|^(update|destroy|preview) canceled$/.test(reason)
}
