import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure } from './command.ts'
import { makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const notUp = line('Stack dev is not up: npx onebox up --stack dev')

// One stack for all, which nothing has been deployed to.
test('what a killed engine does to its state is told or cured', {
  skip: needsPulumi(),
}, async (t) => {
  const laptop = await makeLaptop(t)
  await laptop.run('up', '--region', 'eu-central-1')
  const file = join(laptop.home, '.pulumi/stacks/onebox/dev.json')

  await t.test('state and passphrase are in $HOME, whatever /etc/passwd says', () => {
    assert.ok(existsSync(file))
    assert.ok(existsSync(join(laptop.home, '.pulumi/onebox-passphrase')))
  })

  await t.test('no file has attributes beside it, which a kill could leave empty', () => {
    assert.deepEqual(globSync('**/*.attrs', { cwd: join(laptop.home, '.pulumi') }), [])
  })

  await t.test(
    'empty attributes of an older backend do not keep anybody from the state',
    async () => {
      writeFileSync(`${file}.attrs`, '')
      assertFailure(await laptop.run('status'), notUp)
      assert.equal(existsSync(`${file}.attrs`), false)
    },
  )

  await t.test('a state that was cut short is named, with the one before it', async () => {
    const state = readFileSync(file)
    writeFileSync(file, state.subarray(0, 100))
    const damaged = line(
      `The state of stack dev in ${file} is damaged: copy ${file}.bak over it, the state before the last change, then try again`,
    )
    assertFailure(await laptop.run('status'), damaged)
    assertFailure(await laptop.run('destroy', '--yes'), damaged)
    writeFileSync(file, state)
  })

  await t.test(
    'a mistake in the program is told in one line, and where it is with DEBUG',
    async () => {
      const program = join(laptop.checkout, 'provisioning/index.ts')
      writeFileSync(program, `${readFileSync(program)}\nconfig.nothing.more\n`)
      const told =
        /^The Pulumi program failed: TypeError: Cannot read .* 'more'\); DEBUG=1 shows where$/m
      const failed = await laptop.run('up', '--yes')
      assertFailure(failed, told)
      assert.doesNotMatch(failed.error, /index\.ts:\d/)
      laptop.env.DEBUG = '1'
      const { error } = await laptop.run('up', '--yes')
      assert.match(error, told)
      assert.match(error, /provisioning\/index\.ts:\d+/)
    },
  )
})
