/** Matches a text of which this is the only line. */
export function line(text: string): RegExp {
  return new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}\\n$`)
}
