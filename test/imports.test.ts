import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import test from 'node:test'

// A room imports itself and rooms of the lines below it, never one beside or above it.
const lines = `
scripts/main.ts
scripts/commands.ts
scripts/commands
scripts/rehearsal
scripts/bench scripts/build.ts scripts/pdf scripts/stack scripts/test.ts
scripts/instance scripts/local scripts/site
scripts/terminal
provisioning
userdata
server/acme server/offsite
server/main.ts
server/canary.ts
server/app.ts
server/routes.ts
server/move server/stores
server/birthdays server/contract server/movies server/saved-string server/status
server/operations
server/pages
server/database server/dynamodb
server/aws
server/tls
server/config.ts
server/settings.ts server/files.ts
server/http`
  .trim()
  .split('\n')
  .map((line) => line.split(' '))

const root = resolve(import.meta.dirname, '..')
const files = globSync('{scripts,provisioning,userdata,server}/**/*.ts', {
  cwd: root,
  exclude: ['**/node_modules'],
}).sort()
const imports = new Map(files.map((file) => [file, importsOf(file)]))

test('every file belongs to a room', () => {
  const homeless = files.filter((file) => roomOf(file) === undefined)
  assert.deepEqual(homeless, [])
})

test('rooms import only rooms below them', () => {
  const wrong = [...imports].flatMap(([file, found]) =>
    found.filter((to) => !mayImport(file, to)).map((to) => `${file} imports ${to}`),
  )
  assert.deepEqual(wrong, [])
})

test('no file imports itself in a circle', () => {
  const done = new Set<string>()
  for (const file of files) visit(file, [])

  function visit(file: string, path: string[]) {
    assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(' imports '))
    if (done.has(file)) return
    for (const to of imports.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
})

test('features see requests and replies, never the connection behind them', () => {
  const features = ['birthdays', 'contract', 'movies', 'pages', 'saved-string', 'status']
  const pattern = `server/{${features}}/**/*.ts`
  for (const file of globSync(pattern, { cwd: root })) {
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), /'node:(http|net)'/, file)
  }
})

test('the order of rooms is checked against what it must refuse', () => {
  assert.equal(mayImport('scripts/commands/up.ts', 'scripts/stack/apply.ts'), true)
  assert.equal(mayImport('scripts/stack/apply.ts', 'scripts/commands/up.ts'), false)
  assert.equal(mayImport('scripts/site/client.ts', 'scripts/instance/ssh.ts'), false)
  assert.equal(mayImport('server/app.ts', 'provisioning/config.ts'), false)
  assert.ok((imports.get('scripts/commands.ts') ?? []).length > 15)
})

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const statements = text.matchAll(/^(?:import|export) [\w\s{},*]*?(?:from )?'(\.[^']+)'/gm)
  const calls = text.matchAll(/\bimport\('(\.[^']+)'\)/g)
  return [...statements, ...calls].map(([, path = '']) =>
    relative(root, resolve(root, dirname(file), path)),
  )
}

function mayImport(from: string, to: string): boolean {
  if (to.endsWith('.json')) return true
  return roomOf(from) === roomOf(to) || lineOf(from) < lineOf(to)
}

/** The most specific one. */
function roomOf(file: string): string | undefined {
  const rooms = lines.flat().filter((room) => file === room || file.startsWith(`${room}/`))
  return rooms.sort((a, b) => b.length - a.length)[0]
}

function lineOf(file: string): number {
  return lines.findIndex((line) => line.includes(roomOf(file) ?? ''))
}
