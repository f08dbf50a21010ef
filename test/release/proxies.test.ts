import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { basename } from 'node:path'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from '../support/load.ts'
import { missing, proxies, startProxy } from '../support/proxies.ts'
import { buildRelease, copyRelease, untilHealth } from '../support/release.ts'
import { startService } from '../support/service.ts'

const clients = 96
let releases: string[]

before(async () => {
  const release = await buildRelease()
  releases = [release, copyRelease(release, 'the next one')]
})

describe('behind a proxy', { concurrency: true }, () => {
  for (const [name, { keepAliveSeconds }] of Object.entries(proxies)) {
    test(`no request aimed at the closing of its connection is lost: ${name}`, {
      skip: missing(name),
    }, async (t) => {
      const service = await startService(t, releases[0] as string, {
        env: { KEEP_ALIVE_SECONDS: String(keepAliveSeconds) },
      })
      const url = await startProxy(t, name, service.url)
      const agent = new Agent({ keepAlive: true, maxSockets: clients })
      t.after(() => agent.destroy())
      const lost: string[] = []
      // The server closes an idle connection a second after the time that it announces, and while
      // it drains half a second after that time.
      const announcedMs = keepAliveSeconds * 1000
      await burst(0)
      for (const offsetMs of [-6, -2, 2]) await burst(announcedMs + 1000 + offsetMs)
      for (const [round, offsetMs] of [400, 500].entries()) {
        const release = releases[1 - (round % 2)] as string
        service.switchTo(release)
        const reloaded = service.reload()
        await untilHealth(service.url, ({ workers }) =>
          workers.some((w) => w.release === basename(release)),
        )
        await burst(announcedMs + offsetMs)
        await reloaded
        await burst(0)
      }
      assert.deepEqual(lost, [])

      /** Requests of every kind, some milliseconds apart. */
      async function burst(pauseMs: number) {
        const kinds = [
          ['GET', '/'],
          ['PUT', '/', `after ${pauseMs}`],
          ['POST', '/echo'],
        ] as const
        const asking = Array.from({ length: clients }, async (_, index) => {
          await sleep(pauseMs + (index % 6))
          const [method, path, body] = kinds[index % 3] as (typeof kinds)[number]
          const outcome = await send(url + path, { agent, method }, body).then(
            ({ statusCode }) => String(statusCode),
            String,
          )
          if (!/^20\d$/.test(outcome)) lost.push(`${method} after ${pauseMs} ms: ${outcome}`)
        })
        await Promise.all(asking)
      }
    })
  }
})
