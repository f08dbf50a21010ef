/** What the Pulumi CLI, or AWS through it, says went wrong, as an error of one readable line. */
export function explainPulumi(error: unknown): Error {
  const { message } = error as Error
  // The Automation API gives the whole output of the CLI.
  const lines = message.split('\n').filter((line) => /^\s*error: /.test(line))
  const reasons = lines.map((line) => readableReason(line)).filter((reason) => !isSummary(reason))
  return new Error(reasons[0] ?? readableReason(message), { cause: error })
}

/** Takes away what only helps whoever works on Pulumi or its AWS provider. */
export function readableReason(text: string, stack?: string): string {
  return asCommands(text, stack)
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

/** The Pulumi CLI's own commands as one types them here; without a stack they are for the selected one. */
export function asCommands(text: string, stack?: string): string {
  const flag = stack === undefined ? '' : ` --stack ${stack}`
  return text.replace(/\bpulumi (config|stack|cancel|refresh)\b/g, `npx onebox pulumi $1${flag}`)
}

function isSummary(reason: string): boolean {
  return /^(update|preview|destroy) failed$|^(update|destroy|preview) canceled$/.test(reason)
}
