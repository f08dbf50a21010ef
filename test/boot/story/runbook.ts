import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Ended } from '../../scripts/command.ts'

const repository = resolve(import.meta.dirname, '../../..')

interface Example {
  command: string
  /** What it has to print among other things, but for names and numbers. */
  lines: string[]
}

/** Types everything that the runbook shows, and holds what comes to what it shows. */
export async function followRunbook(shell: (line: string) => Promise<Ended>) {
  for (const { command, lines } of readExamples('docs/runbook.md')) {
    const { code, out, error } = await shell(command)
    assert.deepEqual([code, error], [0, ''], command)
    expectIn(out, lines)
  }
}

/** Holds what the README shows of a deploy to what was printed. */
export function expectShown(printed: string) {
  const section = /^## Deploy it$.*?^## /ms
  for (const { lines } of readExamples('README.md', section)) expectIn(printed, lines)
}

function expectIn(printed: string, lines: string[]) {
  const shapes = new Set(printed.split('\n').map(shapeOf))
  for (const line of lines) assert.ok(shapes.has(shapeOf(line)), `${line} is in\n${printed}`)
}

function readExamples(file: string, section = /.*/s): Example[] {
  const [markdown = ''] = section.exec(readFileSync(join(repository, file), 'utf8')) ?? []
  const blocks = [...markdown.matchAll(/^```console\n(.*?)^```$/gms)].map(([, text = '']) => text)
  return blocks
    .join('')
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...lines] = text.trimEnd().split('\n')
      return { command, lines }
    })
}

/** The same for all times, ids and numbers. */
function shapeOf(line: string): string {
  return line
    .trim()
    .replace(/\b[\da-f]{7,}\b|\d[\d.,]*|\b\w{3}(?= \d{4}-)/g, '#')
    .replace(/# min # s|# (?:ms|s|min|h)\b/g, '# s')
}
