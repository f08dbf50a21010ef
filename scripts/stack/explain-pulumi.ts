/** The error of the Pulumi CLI, or of AWS through it, on one readable line. */
export function explainPulumi(error: unknown): Error {
  const { message } = error as Error
  // The Automation API gives the whole output of the CLI.
  const lines = message.split('\n').filter((line) => /^\s*error: /.test(line))
  const reasons = lines.map((line) => readableReason(line)).filter((reason) => !isSummary(reason))
  return new Error(reasons[0] ?? readableReason(message), { cause: error })
}

/** Without what only helps developers of Pulumi or its AWS provider. */
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

/** The Pulumi CLI's commands as they are typed here; without `stack`, for the selected stack. */
export function asCommands(text: string, stack?: string): string {
  const flag = stack === undefined ? '' : ` --stack ${stack}`
  return text.replace(/\bpulumi (config|stack|cancel|refresh)\b/g, `npx onebox pulumi $1${flag}`)
}

function isSummary(reason: string): boolean {
  return /^(update|preview|destroy) failed$|^(update|destroy|preview) canceled$/.test(reason)
}
