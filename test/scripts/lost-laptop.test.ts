import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure } from './command.ts'
import { inTerminal, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const up = ['up', '--region', 'eu-central-1', '--yes'] as const

test('a stack whose laptop is lost goes on from another one', {
  skip: needsPulumi(),
}, async (t) => {
  const laptop = await makeLaptop(t)
  const { aws, env, home, checkout } = laptop
  const state = join(home, '.pulumi')
  const settings = join(checkout, 'provisioning/Pulumi.dev.yaml')
  const passphraseFile = join(state, 'onebox-passphrase')
  let passphrase = ''

  await t.test('before the first up there is nothing to recover', async () => {
    assertFailure(
      await laptop.run('recover'),
      line(
        'No bucket has a copy of the state of stack dev: npx onebox up --stack dev --restore latest makes a new stack from the backups',
      ),
    )
    assert.equal(existsSync(settings), false)
  })

  await t.test('the first up leaves a copy in the bucket, and says what else to keep', async () => {
    const { out } = await laptop.run(...up)
    assert.match(
      out,
      /^→ onebox-dev-releases-\w{7} has a copy of Pulumi's state; keep the passphrase in ~\/\.pulumi\/onebox-passphrase somewhere else, too\./m,
    )
    assert.doesNotMatch((await laptop.run(...up)).out, /somewhere else/)
    const copy = copyIn()
    passphrase = readFileSync(passphraseFile, 'utf8').trim()
    const { writeToken } = await outputs()
    for (const secret of [passphrase, writeToken]) {
      assert.ok(secret && !copy.includes(secret), 'no secret is in the copy')
    }
  })

  const old = join(home, 'old-pulumi')
  cpSync(state, old, { recursive: true })
  loseLaptop()

  await t.test('without the passphrase, or with another one, nothing is left behind', async () => {
    const where = `set PULUMI_CONFIG_PASSPHRASE, or restore ${passphraseFile}`
    assertFailure(
      await laptop.run('recover'),
      line(`Stack dev has a passphrase that is not on this machine: ${where}`),
    )
    env.PULUMI_CONFIG_PASSPHRASE = 'wrong'
    assertFailure(
      await laptop.run('recover'),
      line('Wrong passphrase for stack dev: check PULUMI_CONFIG_PASSPHRASE'),
    )
    delete env.PULUMI_CONFIG_PASSPHRASE
    const typed = await inTerminal(laptop, 'wrong\n', 'recover')
    assert.match(typed.out, /^Wrong passphrase for stack dev: check .*onebox-passphrase$/m)
    assert.deepEqual([settings, passphraseFile].filter(existsSync), [])
  })

  await t.test('with it, one command brings everything back, and nothing changes', async () => {
    const typed = await inTerminal(laptop, `${passphrase}\n`, 'recover')
    assert.match(typed.out, /^→ Stack dev is on this machine, as \S+@\S+ left it at \S+ \S+ UTC$/m)
    assert.equal(typed.out.includes(passphrase), false, 'what is typed does not show')
    assert.equal(readFileSync(passphraseFile, 'utf8'), `${passphrase}\n`)
    assert.equal(statSync(passphraseFile).mode & 0o777, 0o600)
    assert.equal((await laptop.run('status')).code, 0)
    assert.match((await laptop.run('preview')).out, /^ {2}nothing$/m)
    assertFailure(
      await laptop.run('recover'),
      /^The state of stack dev on this machine is as new as that in onebox-dev-releases-\w{7}$/m,
    )
  })

  await t.test('a laptop that turns up again cannot change what it no longer knows', async () => {
    await laptop.run('pulumi', 'config', 'set', 'timeZone', 'Europe/Berlin')
    assert.equal((await laptop.run(...up)).error, '')
    rmSync(state, { recursive: true })
    cpSync(old, state, { recursive: true })
    const stale =
      /^Stack dev was changed by \S+@\S+ at \S+, from another state: npx onebox recover --stack dev fetches/
    assertFailure(await laptop.run(...up), stale)
    assertFailure(await laptop.run('destroy', '--yes'), stale)
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('Berlin', 'Paris'))
    const { out, error } = await laptop.run('recover')
    assert.equal(error, '')
    assert.match(out, /^→ Its earlier settings are in .*Pulumi\.dev\.yaml\.bak$/m)
    assert.match(readFileSync(settings, 'utf8'), /timeZone: Europe\/Berlin/)
    assert.match((await laptop.run(...up)).out, /^onebox is up at /m)
  })

  await t.test('up goes on if the copy cannot be stored, and says so', async () => {
    aws.isReadOnly = true
    const { out, code } = await laptop.run(...up)
    assert.equal(code, 0)
    assert.match(out, /^! The copy of Pulumi's state is not up to date: AWS denies this: /m)
    aws.isReadOnly = false
  })

  function copyIn(): string {
    const found = [...aws.objects].find(([name]) => name.endsWith('/state.json'))
    return String(found?.[1].content)
  }

  async function outputs(): Promise<Record<string, string>> {
    const args = ['stack', 'output', '--json', '--show-secrets']
    return JSON.parse((await laptop.run('pulumi', ...args)).out)
  }

  function loseLaptop() {
    rmSync(state, { recursive: true })
    rmSync(settings)
  }
})
