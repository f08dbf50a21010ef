// Prints docs/solution.md on paper: `npm run pdf` makes dist/solution.pdf.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { renderDocument } from '../pdf/document.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'

const root = resolve(import.meta.dirname, '../..')
const source = join(root, 'docs/solution.md')
const browsers = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

const help = `npm run pdf [-- options]

Makes a PDF of docs/solution.md with the Chromium or Chrome of this machine.

  --out FILE  (default dist/solution.pdf)
  --help      this text`

runCommand(async () => {
  const out = { type: 'string', default: join(root, 'dist/solution.pdf') } as const
  const { values } = parseArguments('pdf', help, { options: { out } })
  const file = resolve(values.out)
  mkdirSync(resolve(file, '..'), { recursive: true })
  await print(findBrowser(), file)
  step(`${file}, ${Math.round(statSync(file).size / 1000)} KB`)
})

function findBrowser(): string {
  const found = browsers.find((name) => spawnSync(name, ['--version']).status === 0)
  if (found) return found
  throw new Error('No Chromium or Chrome is here to print with: apt install chromium, then again')
}

async function print(browser: string, file: string) {
  const folder = mkdtempSync(join(tmpdir(), 'onebox-pdf-'))
  try {
    const page = join(folder, 'page.html')
    const base = pathToFileURL(source).href
    writeFileSync(page, renderDocument(readFileSync(source, 'utf8'), base))
    // Chromium refuses its sandbox to root; the page is our own and has no script.
    const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const quietly = ['--disable-gpu', '--no-first-run', `--user-data-dir=${folder}`]
    const paper = ['--no-pdf-header-footer', `--print-to-pdf=${file}`]
    rmSync(file, { force: true })
    await promisify(execFile)(browser, ['--headless', ...asRoot, ...quietly, ...paper, page], {
      timeout: 60_000,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
