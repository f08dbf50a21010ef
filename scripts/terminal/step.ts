import { styleText } from 'node:util'

/** Prints what comes next. */
export function step(text: string) {
  console.log(`${styleText('bold', '→')} ${text}`)
}
