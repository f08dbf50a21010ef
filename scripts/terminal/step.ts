import { styleText } from 'node:util'

/** Says what comes next. */
export function step(text: string) {
  console.log(`${styleText('bold', '→')} ${text}`)
}
