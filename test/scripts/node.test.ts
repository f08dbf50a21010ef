import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { cannotMount, namespace } from '../support/can-mount.ts'
import { readDynamic } from '../support/elf.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = join(root, 'scripts/libatomic')
const source = readFileSync(join(folder, 'libatomic.c'), 'utf8')
const cpu = process.arch === 'x64' ? 'x86_64' : 'aarch64'

test('every npm script runs Node through scripts/node, and takes signals itself', () => {
  for (const [name, script] of Object.entries(manifest.scripts)) {
    const commands = script.split(' && ')
    for (const command of commands) assert.match(command, /^(exec )?scripts\/node /, name)
    assert.match(commands.at(-1) ?? '', /^exec /, name)
  }
})

test('Node and its threads run with our libatomic', {
  skip: process.platform !== 'linux' && 'needs Linux',
}, () => {
  const code = `
    const { Worker } = require('node:worker_threads')
    const bytes = '0061736d01000000010401600000030201000a040102000b'
    const compile = "new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('" + bytes + "', 'hex')))"
    eval(compile)
    for (let thread = 0; thread < 3; thread += 1) new Worker(compile, { eval: true })
    const { sharedObjects } = process.report.getReport()
    console.log(sharedObjects.find((path) => path.includes('libatomic')))`
  const env = { LD_LIBRARY_PATH: join(folder, cpu) }
  const out = execFileSync(process.execPath, ['-e', code], { env, encoding: 'utf8' })
  assert.equal(out, `${join(folder, cpu, 'libatomic.so.1')}\n`)
})

test('if the system’s libatomic cannot be loaded, Node and its children use ours', {
  skip: cannotMount,
}, () => {
  const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] }
  const library = sharedObjects.find((path) => path.includes('libatomic'))
  assert.ok(library)
  const hide = library.startsWith(folder) ? 'true' : 'mount --bind /dev/null "$0"'
  const child = 'require("node:child_process").execFileSync(process.execPath, ["-p", 1])'
  const script = `${hide} && exec "$1" -p '${child}.toString()'`
  const args = [...namespace, 'sh', '-c', script, library, join(root, 'scripts/node')]
  const { stdout, stderr } = spawnSync('unshare', args, {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  assert.equal(stderr + stdout, '1\n\n')
})

test('without node_modules, or on another system, one line says what to do', () => {
  const clone = join(makeDataDir(), 'my clone')
  mkdirSync(join(clone, 'scripts'), { recursive: true })
  cpSync(join(root, 'scripts/node'), join(clone, 'scripts/node'))
  const run = (PATH = process.env.PATH) =>
    spawnSync(join(clone, 'scripts/node'), ['-p', '1'], { env: { PATH }, encoding: 'utf8' })
  const missing = run()
  assert.equal(missing.stderr, 'onebox has no Node yet: run npm ci, without --omit\n')
  assert.equal(missing.status, 1)

  const bin = join(clone, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(
    join(bin, 'node'),
    '#!/bin/sh\necho first >&2\necho no such loader >&2\nexit 127\n',
    {
      mode: 0o755,
    },
  )
  assert.match(run().stderr, /^onebox cannot run its Node, .* glibc 2\.28: no such loader\n$/)

  writeFileSync(join(bin, 'uname'), '#!/bin/sh\necho Plan9 mips\n', { mode: 0o755 })
  const { stderr } = run(`${bin}:${process.env.PATH}`)
  assert.equal(stderr, 'onebox needs Linux or macOS on x64 or arm64, and this is Plan9 mips\n')
})

for (const name of ['x86_64', 'aarch64']) {
  const library = readFileSync(join(folder, name, 'libatomic.so.1'))

  test(`our libatomic for ${name} has the one function, and depends on nothing`, () => {
    assert.deepEqual(readDynamic(library), {
      needed: [],
      names: ['__atomic_compare_exchange', 'libatomic.so.1', 'LIBATOMIC_1.0'],
    })
  })

  test(`our libatomic for ${name} is built from its source`, {
    skip: needs(`${name}-linux-gnu-gcc`),
  }, () => {
    const dir = makeDataDir()
    cpSync(folder, dir, { recursive: true })
    writeFileSync(join(dir, name, 'libatomic.so.1'), '')
    const [command = ''] = /\$CPU-linux-gnu-gcc(.|\n)*?libatomic\.c$/m.exec(source) ?? []
    const env = { PATH: process.env.PATH, CPU: name }
    execFileSync('sh', ['-ec', command.replaceAll(/\\\n \*/g, '')], { cwd: dir, env })
    const rebuilt = readFileSync(join(dir, name, 'libatomic.so.1'))
    assert.deepEqual(readDynamic(rebuilt), readDynamic(library))
    const version = execFileSync(`${name}-linux-gnu-gcc`, ['-dumpfullversion'], {
      encoding: 'utf8',
    })
    if (source.includes(`gcc ${version.trim()}`)) assert.ok(rebuilt.equals(library))
  })
}
