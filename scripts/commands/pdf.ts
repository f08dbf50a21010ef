import { mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { printPdf } from '../pdf/print.ts'
import { defineCommand } from '../terminal/command.ts'
import { step } from '../terminal/step.ts'

const root = resolve(import.meta.dirname, '../..')

export default defineCommand({
  usage: '',
  about: 'Prints docs/solution.md as a PDF, with the Chromium or Chrome of this machine.',
  options: {
    out: { type: 'string', value: 'FILE', default: 'dist/solution.pdf', help: 'where to save it' },
  },
  async run({ out }) {
    const file = resolve(root, out)
    mkdirSync(dirname(file), { recursive: true })
    await printPdf(join(root, 'docs/solution.md'), file)
    step(`${file}, ${Math.round(statSync(file).size / 1000)} KB`)
  },
})
