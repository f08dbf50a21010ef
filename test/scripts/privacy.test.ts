import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { readConfig } from '../../provisioning/config.ts'
import { keepPrivate, warnOfPipeline } from '../../scripts/stack/privacy.ts'

test('personal settings become secrets of the stack, once', async (t) => {
  const said = listen(t)
  const set: unknown[] = []
  const stack = { name: 'dev', setConfig: async (...args: unknown[]) => void set.push(args) }
  await keepPrivate(stack as unknown as Stack, {
    values: {
      'onebox:sshFrom': '198.51.100.7/32',
      'onebox:alarmEmail': 'anna@example.com',
      'onebox:timeZone': 'Europe/Berlin',
    },
    secrets: ['onebox:sshFrom'],
  })
  assert.deepEqual(set, [['onebox:alarmEmail', { value: 'anna@example.com', secret: true }]])
  assert.match(said(), /alarmEmail is now a secret of the stack/)
  assert.doesNotMatch(said(), /anna/)
})

test('uncommitted settings that a pipeline would undo are reported', (t) => {
  const said = listen(t)
  const stack = { name: 'dev' } as Stack
  pretendGit(t, ' M provisioning/Pulumi.dev.yaml')
  warnOfPipeline(stack, configOf({}))
  assert.equal(said(), '')
  const withPipeline = configOf({ 'onebox:releaseSubject': 'repo:you@1/onebox@2:environment:dev' })
  warnOfPipeline(stack, withPipeline)
  assert.match(said(), /Commit provisioning\/Pulumi\.dev\.yaml: .* next deploy undoes .* SSH/)
  pretendGit(t, '')
  const before = said()
  warnOfPipeline(stack, withPipeline)
  assert.equal(said(), before)
})

function configOf(values: Record<string, string>) {
  const all = { 'aws:region': 'eu-central-1', ...values }
  return readConfig({ project: 'onebox', stack: 'dev', values: all, secrets: [] })
}

function listen(t: TestContext): () => string {
  const { mock } = t.mock.method(console, 'log', () => {})
  return () => mock.calls.map((call) => String(call.arguments)).join('\n')
}

/** Puts a `git` first in PATH that knows one answer. */
function pretendGit(t: TestContext, answer: string) {
  const folder = mkdtempSync(join(tmpdir(), 'onebox-git-'))
  writeFileSync(join(folder, 'git'), `#!/bin/sh\nprintf '%s' '${answer}'\n`, { mode: 0o755 })
  const { PATH = '', CI = '' } = process.env
  Object.assign(process.env, { PATH: `${folder}:${PATH}`, CI: '' })
  t.after(() => {
    Object.assign(process.env, { PATH, CI })
    rmSync(folder, { recursive: true })
  })
}
