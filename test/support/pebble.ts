import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeRoot, makeCertificate, type TestCertificate } from './certificates.ts'
import { eventually } from './eventually.ts'
import { getSecurely } from './https.ts'
import type { Lifetime } from './lifetime.ts'
import { freePort, spawnFor } from './release.ts'
import { makeDataDir } from './server.ts'

export interface Pebble {
  /** Before 2.7 it has none. */
  hasProfiles: boolean
  directoryUrl: string
  port: number
  /** Its own certificate. */
  own: TestCertificate
  acmeRoot: string
  /** The root of the certificates that it issues. */
  issuer: string
  stop: () => Promise<void>
}

/** Let's Encrypt's own test server, which looks for challenges on `httpPort`. */
export async function startPebble(
  t: Lifetime,
  {
    httpPort,
    nonceReject = 0,
    authzReuse = 0,
    names = [],
  }: { httpPort: number; nonceReject?: number; authzReuse?: number; names?: string[] },
): Promise<Pebble> {
  const dir = makeDataDir()
  const own = makeCertificate(['127.0.0.1', ...names])
  const [port, managementPort] = [await freePort(), await freePort()]
  const file = (name: string, content: string) => {
    writeFileSync(join(dir, name), content)
    return join(dir, name)
  }
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: file('cert.pem', own.cert),
    privateKey: file('key.pem', own.key),
    httpPort,
    tlsPort: httpPort,
    retryAfter: { authz: 1, order: 1 },
    keyAlgorithm: 'ecdsa',
    profiles: {
      classic: { description: 'for domains', validityPeriod: 7_776_000 },
      shortlived: { description: 'for addresses', validityPeriod: 576_000 },
    },
  }
  const config = file('config.json', JSON.stringify({ pebble }))
  const env = {
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(nonceReject),
    PEBBLE_AUTHZREUSE: String(authzReuse),
  }
  const child = spawnFor(t, ['-config', config], { command: 'pebble', env })
  const get = (path: string) => getSecurely(port, path, { headers: { 'user-agent': 'a test' } })
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(child.output())
    return get('/dir').then(
      () => true,
      () => false,
    )
  })
  const directory = JSON.parse((await get('/dir')).body)
  return {
    hasProfiles: directory.meta.profiles !== undefined,
    port,
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    own,
    acmeRoot: encodeRoot(own.cert),
    issuer: (await getSecurely(managementPort, '/roots/0')).body,
    async stop() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
