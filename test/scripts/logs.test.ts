import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { printLogs } from '../../scripts/instance/logs.ts'
import { makeDataDir } from '../support/server.ts'

const first = `2026-11-29T03:00:01.000001+00:00 ip-10-0-0-4 node[7]: {"n":1}
2026-11-29T03:00:03.000000+00:00 ip-10-0-0-4 node[7]: Error: Broken
                                                      at run
2026-11-29T03:00:09.000000+00:00 ip-10-0-0-4 node[7]: {"n":5}
`
const second = `-- Boot 0a1b --
2026-11-29T03:00:02.000000+00:00 ip-10-0-0-36 node[9]: {"n":2}
2026-11-29T03:00:04.000000+00:00 ip-10-0-0-36 node[9]: {"n":4}
`

/** An `ssh` that prints the log of a host, and fails for one without; gives what was printed. */
async function printed(t: TestContext, logs: Record<string, string>, follow: boolean) {
  const home = makeDataDir()
  for (const [ip, log] of Object.entries(logs)) writeFileSync(join(home, ip), log)
  const script = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift 2; done
exec cat "${home}/\${1#admin@}" 2>/dev/null`
  writeFileSync(join(home, 'ssh'), script, { mode: 0o755 })
  const { HOME, PATH, ...env } = process.env
  process.env = { ...env, HOME: home, PATH: `${home}:${PATH}` }
  const out = t.mock.method(console, 'log', () => {})
  const error = t.mock.method(console, 'error', () => {})
  t.after(() => {
    Object.assign(process.env, { HOME, PATH })
    process.exitCode = 0
  })
  const instances = ['10.0.0.4', '10.0.0.36', '10.0.0.70'].map((ip, index) => {
    return { instanceId: `i-${index + 1}`, ip, ssh: 'npx onebox ssh', region: 'eu-west-1' }
  })
  await printLogs(instances as [never, never], ['onebox', 'logs'], follow)
  const textOf = (mock: typeof out) => mock.mock.calls.map(({ arguments: [text] }) => String(text))
  return { out: textOf(out), error: textOf(error) }
}

test('the logs of several machines are merged by time, and lines stay together', async (t) => {
  const third = '2026-11-29T03:00:03.500000+00:00 ip-10-0-0-70 node[8]: {"n":3}\n'
  const logs = { '10.0.0.4': first, '10.0.0.36': second, '10.0.0.70': third }
  const { out } = await printed(t, logs, false)
  assert.deepEqual(
    out.map((line) => line.replace(/^(\S+) .*?(\{|Error|at run|Boot)/, '$1 $2')),
    [
      'i-2 Boot 0a1b --',
      'i-1 {"n":1}',
      'i-2 {"n":2}',
      'i-1 Error: Broken',
      'i-1 at run',
      'i-3 {"n":3}',
      'i-2 {"n":4}',
      'i-1 {"n":5}',
    ],
  )
})

for (const follow of [false, true]) {
  const how = follow ? 'followed' : 'merged'
  test(`a machine that does not answer is named, and the others' logs are ${how}`, async (t) => {
    const { out, error } = await printed(t, { '10.0.0.4': first, '10.0.0.36': second }, follow)
    assert.deepEqual([out.length, error.length, process.exitCode], [7, 1, 1])
    assert.match(error[0] as string, /i-3: /)
  })
}
