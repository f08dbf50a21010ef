import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Resource } from '../support/engine.ts'
import type { Onebox } from './onebox.ts'
import type { SecurityPromise, Waiver } from './promises.ts'

const root = resolve(import.meta.dirname, '../..')

/** The settings in Pulumi.yaml. They all have the same form, so a pattern is enough. */
export function documentedSettings() {
  const file = readFileSync(resolve(root, 'provisioning/Pulumi.yaml'), 'utf8')
  const [, yaml = ''] = file.split('\nconfig:\n')
  const entry = /^ {2}(\w+):\n {4}type: (.+)\n {4}default: (.+)\n {4}description: (.+)$/gm
  const settings = [...yaml.matchAll(entry)].map(([, name = '', type, text = '', description]) => ({
    name,
    type: type ?? '',
    byDefault: type === 'string' ? text.replace(/^''$/, '') : JSON.parse(text),
    description: description ?? '',
  }))
  const names = [...yaml.matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name)
  if (names.length !== settings.length)
    throw new Error(`A setting in Pulumi.yaml has another form: ${names}`)
  return settings
}

interface Security {
  promises: SecurityPromise[]
  waivers: Waiver[]
}

/** A page in docs/, and what it should be according to the program. */
export function readDocument(page: string, plain: Onebox, full: Onebox, security: Security) {
  const document = resolve(root, 'docs', page)
  const before = readFileSync(document, 'utf8')
  const parts: Record<string, string> = {
    settings: settingsTable(),
    tree: fenced(tree(plain.resources)),
    optional: fenced(tree(full.resources.filter((one) => !isIn(plain.resources, one)))),
    promises: table(
      ['promise', 'rules'],
      security.promises.map(({ sentence, rules }) => [sentence, rules.join(', ')]),
    ),
    waivers: table(
      ['rules', 'what they want', 'why not'],
      security.waivers.map(({ rules, wanted, reason }) => [rules.join(', '), wanted, reason]),
    ),
  }
  const expected = before.replaceAll(
    /<!-- (\w+) -->\n.*?<!-- end -->/gs,
    (_, name) => `<!-- ${name} -->\n\n${parts[name]}\n\n<!-- end -->`,
  )
  if (process.env.UPDATE_DOCUMENTS) writeFileSync(document, expected)
  const text = readFileSync(document, 'utf8')
  const names = Object.keys(parts).filter((name) => text.includes(`<!-- ${name} -->`))
  return { text, expected, names }
}

function settingsTable(): string {
  const rows = documentedSettings().map(({ name, byDefault, description }) => [
    `\`${name}\``,
    byDefault === '' ? '' : `\`${byDefault}\``,
    description,
  ])
  return table(['setting', 'default', 'meaning'], rows)
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function fenced(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``
}

/** Like the output of `pulumi preview`, in a fixed order. */
function tree(resources: Resource[]): string {
  const rows = resources.map(({ type, name }) => [shown(type), name] as const)
  rows.sort(([a, aName], [b, bName]) => a.localeCompare(b) || aName.localeCompare(bName))
  const width = Math.max(...rows.map(([type]) => type.length)) + 5
  const lines = rows.map(([type, name], index) => {
    const branch = index === rows.length - 1 ? '└─ ' : '├─ '
    return ` +  ${(branch + type).padEnd(width)}${name}`
  })
  return [` +  ${'pulumi:pulumi:Stack'.padEnd(width)}onebox-dev`, ...lines].join('\n')
}

function shown(type: string): string {
  return type.replace(/\/\w+:/, ':')
}

function isIn(resources: Resource[], { urn }: Resource): boolean {
  return resources.some((one) => one.urn === urn)
}
