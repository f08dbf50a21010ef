import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { renderDocument } from './document.ts'

const browsers = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Prints a Markdown file as a PDF, with a browser of this machine. */
export async function printPdf(source: string, file: string) {
  await print(findBrowser(), source, file)
}

function findBrowser(): string {
  const found = browsers.find((name) => spawnSync(name, ['--version']).status === 0)
  if (found) return found
  throw new Error('Neither Chromium nor Chrome is installed: apt install chromium')
}

async function print(browser: string, source: string, file: string) {
  const folder = mkdtempSync(join(tmpdir(), 'onebox-pdf-'))
  try {
    const page = join(folder, 'page.html')
    const base = pathToFileURL(source).href
    writeFileSync(page, renderDocument(readFileSync(source, 'utf8'), base))
    // Chromium has no sandbox for root; the page is our own and has no script.
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
