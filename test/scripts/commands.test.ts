import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import test from 'node:test'
import { allCommands } from '../../scripts/commands.ts'
import { helpText, parseCommand } from '../../scripts/terminal/command.ts'
import { inherited } from '../support/inherited.ts'
import { assertUsageError } from './command.ts'
import { execute } from './stack/laptop.ts'

const root = resolve(import.meta.dirname, '../..')
const screen = { lines: 40, columns: 100 }

test('npx onebox shows every command on one screen', async () => {
  const { code, out, error } = await npx()
  assert.deepEqual({ code, error }, { code: 0, error: '' })
  assertFitsScreen(out)
  for (const [name, [line]] of Object.entries(allCommands))
    assert.match(out, new RegExp(`^  ${name} +${line.replace(/[()]/g, '\\$&')}$`, 'm'))
  assert.equal((await npx('--help')).out, out)
  assert.equal((await npx('help')).out, out)
})

test('every file of commands/ is a command, and every command has one', () => {
  const files = globSync('scripts/commands/*.ts', { cwd: root }).map((file) => parse(file).name)
  assert.deepEqual(Object.keys(allCommands).sort(), files.sort())
})

for (const [name, [, load]] of Object.entries(allCommands)) {
  test(`npx onebox ${name} --help fits on one screen and lists every option`, async () => {
    const { default: command } = await load()
    const text = helpText(`npx onebox ${name}`, command)
    assertFitsScreen(text)
    assert.ok(text.startsWith(`Usage: npx onebox ${name} `), text)
    assert.ok(command.about.length > 0)
    for (const option of [...Object.keys(command.options), 'help'])
      assert.match(text, new RegExp(`^  --${option}( [A-Z]+)? +\\S`, 'm'))
  })
}

test('npx onebox help COMMAND and COMMAND --help print the same', async () => {
  const { default: command } = await (allCommands.status as (typeof allCommands)[string])[1]()
  const text = `${helpText('npx onebox status', command)}\n`
  assert.equal((await npx('help', 'status')).out, text)
  assert.equal((await npx('status', '--help')).out, text)
})

test('a mistyped command or option gets a suggestion and exit code 2', async () => {
  assertUsageError(await npx('stauts'), /^Unknown command "stauts": did you mean status\?$/m)
  assertUsageError(
    await npx('frobnicate'),
    /^Unknown command "frobnicate": npx onebox lists them$/m,
  )
  assertUsageError(await npx('toString'), /^Unknown command "toString"/)
  assertUsageError(await npx('help', 'staus'), /^Unknown command "staus": did you mean status\?$/m)
  assertUsageError(
    await npx('status', '--stakc'),
    /^Unknown option --stakc: did you mean --stack\?$/m,
  )
})

test('arguments that are missing, too many or of the wrong kind are usage errors', () => {
  const command = {
    usage: 'FILE [COMMAND...]',
    about: '',
    options: {
      wait: { type: 'integer', value: 'N', range: [1, 9], help: '' },
      stack: { type: 'string', value: 'NAME', default: 'dev', help: '' },
    },
    run() {},
  } as const
  const parse = (...args: string[]) => parseCommand('npx onebox x', command, args)
  assert.throws(() => parse(), { message: /^npx onebox x takes FILE \[COMMAND...\], got none/ })
  assert.deepEqual(parse('--wait', '9', 'a', '--b', 'c').positionals, ['a', '--b', 'c'])
  assert.throws(() => parse('--wait', '10', 'a'), {
    message: '--wait must be an integer from 1 to 9, got "10"',
  })
  assert.equal(parse('a').values.stack, 'dev')
})

/** The real bin, as npx runs it. */
function npx(...args: string[]) {
  return execute(join(root, 'scripts/onebox'), args, { cwd: root, env: { ...inherited } })
}

function assertFitsScreen(text: string) {
  const lines = text.trimEnd().split('\n')
  assert.ok(lines.length <= screen.lines, `${lines.length} lines`)
  for (const line of lines) assert.ok(line.length <= screen.columns, line)
}
