import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import manifest from '../package.json' with { type: 'json' }
import { allCommands } from '../scripts/commands.ts'

interface Job {
  /** Such as `deploy.yml: check`. */
  name: string
  text: string
}

const root = resolve(import.meta.dirname, '..')
const workflows = readAll('.github/workflows/*.yml')
const everything = new Map([...workflows, ...readAll('.github/actions/*/action.yml')])
const jobs = [...workflows].flatMap(([name, text]) => jobsOf(name, text))

test('every action is pinned to one commit everywhere, with its version in a comment', () => {
  const pins = new Map<string, string>()
  for (const [name, text] of everything) {
    for (const [, use = ''] of text.matchAll(/\buses: (.+)/g)) {
      if (use.startsWith('./')) continue
      assert.match(use, /^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/, name)
      const [action = '', pin = ''] = use.split('@')
      assert.equal(pins.get(action) ?? pin, pin, name)
      pins.set(action, pin)
    }
    const images = [...text.matchAll(/\bimage: (.+)/g)]
    for (const [, image] of images) assert.match(image ?? '', /@sha256:[\da-f]{64}$/, name)
  }
  assert.ok(pins.size >= 4)
})

test('the boot test and .ci/run use the same pebble', () => {
  const texts = [everything.get('nightly.yml') ?? '', readFileSync(join(root, '.ci/run'), 'utf8')]
  const versions = texts.map((text) => /\bcmd\/pebble@(v[\d.]+)$/m.exec(text)?.[1])
  assert.match(versions[0] ?? '', /^v\d/)
  assert.equal(versions[0], versions[1])
})

test('a workflow has no permissions, and each job only those it names', () => {
  for (const [name, text] of workflows) assert.match(text, /^permissions: \{\}$/m, name)
  for (const { name, text } of jobs) assert.match(text, /^ {4}permissions:\n( {6}\S.*\n)+/m, name)
  const writing = jobs.flatMap(({ name, text }) => {
    return [...text.matchAll(/^ {6}([\w-]+): write$/gm)].map(([, scope]) => `${name}, ${scope}`)
  })
  assert.deepEqual(writing, [
    'deploy.yml: deploy, id-token',
    'nightly.yml: history, contents',
    'pull-request.yml: preview, id-token',
    'pull-request.yml: comment, pull-requests',
  ])
})

test('every job has a time limit, and none leaves a token on disk', () => {
  for (const { name, text } of jobs) {
    if (text.includes('uses: ./.github/workflows/')) continue
    assert.match(text, /^ {4}timeout-minutes: \d+$/m, name)
    const checkouts = text.split('actions/checkout@').length
    assert.equal(text.split('persist-credentials: false').length, checkouts, name)
  }
})

test('no text that others control is pasted into a command', () => {
  for (const [name, text] of everything) {
    assert.doesNotMatch(text, /pull_request_target|workflow_run/, name)
    for (const command of commandsOf(text)) assert.doesNotMatch(command, /\$\{\{/, name)
  }
})

test('no code of a pull request runs in the job that may comment', () => {
  const { text = '' } = jobs.find(({ name }) => name === 'pull-request.yml: comment') ?? {}
  assert.match(text, /gh pr comment/)
  assert.doesNotMatch(text, /uses:|npm/)
})

test('every command is one that people use, too', () => {
  const commands = [...everything.values()].flatMap(commandsOf)
  const scripts = namesIn(commands, /npm run ([\w:]+)/g)
  for (const script of scripts) assert.ok(script in manifest.scripts, script)
  for (const script of ['bench', 'test:boot']) assert.ok(scripts.includes(script), script)
  const verbs = namesIn(commands, /npx onebox ([\w-]+)/g)
  for (const verb of verbs) assert.ok(allCommands[verb], verb)
  const wanted = ['preview', 'up', 'smoke', 'load', 'bench-history']
  for (const verb of wanted) assert.ok(verbs.includes(verb), verb)
  for (const command of commands) assert.ok(command.trim().split('\n').length <= 2, command)
})

function namesIn(commands: string[], pattern: RegExp): string[] {
  return commands.flatMap((command) => [...command.matchAll(pattern)].map(([, name = '']) => name))
}

test('everything pinned is kept up to date', () => {
  const text = readFileSync(join(root, '.github/dependabot.yml'), 'utf8')
  for (const kind of ['npm', 'gomod', 'cargo', 'github-actions'])
    assert.match(text, new RegExp(`ecosystem: ${kind}$`, 'm'))
  const folders = [...text.matchAll(/(\/[\w./-]*)[,\]]/g)].map(([, folder = '']) => folder)
  assert.deepEqual(folders, [
    '/',
    '/scripts/bench',
    '/scripts/clients',
    '/scripts/bench/peers/go',
    '/scripts/bench/peers/pocketbase',
    '/scripts/bench/peers/axum',
    '/',
    '/.github/actions/setup',
  ])
  for (const folder of folders) assert.ok(globSync(join(root, `${folder}/*`)).length > 0, folder)
})

function readAll(pattern: string): Map<string, string> {
  const paths = globSync(pattern, { cwd: root }).sort()
  return new Map(
    paths.map((path) => {
      const name = path.replace('.github/workflows/', '')
      return [name, readFileSync(join(root, path), 'utf8')]
    }),
  )
}

/** They are ours, so they all look the same and take no parser. */
function jobsOf(file: string, workflow: string): Job[] {
  const [, text = ''] = workflow.split('\njobs:\n')
  return text.split(/^(?= {2}[\w-]+:$)/m).flatMap((part) => {
    const [, name] = /^ {2}([\w-]+):$/m.exec(part) ?? []
    return name === undefined ? [] : [{ name: `${file}: ${name}`, text: part }]
  })
}

function commandsOf(text: string): string[] {
  const commands = text.matchAll(/\brun: (?:\|\n( +)(.*\n(?:\1.*\n)*)|([^|].*))/g)
  return [...commands].map(([, , block, line]) => block ?? line ?? '')
}
