import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Ended } from '../../scripts/command.ts'

const repository = resolve(import.meta.dirname, '../../..')

interface Example {
  command: string
  /** Lines that its output must contain, except for names and numbers. */
  lines: string[]
}

/** Runs every command in the runbook and compares its output. */
export async function followRunbook(shell: (line: string) => Promise<Ended>) {
  for (const { command, lines } of readExamples('docs/runbook.md')) {
    const { code, out, error } = await shell(command)
    assert.deepEqual([code, error], [0, ''], command)
    expectIn(out, lines)
  }
}

/** Asserts that the README's output of a deploy was printed. */
export function expectShown(printed: string) {
  const section = /^## Deploy it$.*?^## Every URL$/ms
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

/** The line without its times, ids and numbers. */
function shapeOf(line: string): string {
  return line
    .trim()
    .replace(/\b[\da-f]{7,}\b|\d[\d.,]*|\b\w{3}(?= \d{4}-)/g, '#')
    .replace(/# min # s|# (?:ms|s|min|h)\b/g, '# s')
}
