import type { Config } from '../../server/config.ts'
import { startDynoxide } from './dynoxide.ts'
import { type EngineProxy, startEngineProxy } from './engine-proxy.ts'
import type { Lifetime } from './lifetime.ts'
import { makeDataDir, startApp, startServer } from './server.ts'

let engine: Promise<string> | undefined

export interface DynamoSite {
  /** The server whose calls go through the proxy. */
  url: string
  proxy: EngineProxy
  /** Holds back what the proxy has until the server has so many more requests. */
  holdUntil: (requests: number) => void
  /** Another server with the same data, whose calls do not. */
  other: string
}

/** Two servers on the same new tables; the calls of one go through a proxy that fails on command. */
export async function startDynamoSite(
  t: Parameters<typeof startServer>[0] & Lifetime,
  overrides: Partial<Config> = {},
): Promise<DynamoSite> {
  engine ??= startDynoxide()
  const proxy = await startEngineProxy(t, await engine)
  const dataDir = makeDataDir()
  const common = {
    STORE: 'dynamodb',
    DATA_DIR: dataDir,
    TABLE_PREFIX: dataDir.split('/').at(-1) as string,
  }
  const other = { ...common, AWS_ENDPOINT_URL_DYNAMODB: await engine, NODE_APP_INSTANCE: '1' }
  const own = { ...common, AWS_ENDPOINT_URL_DYNAMODB: proxy.url }
  const { url, server } = await startApp(t, own, overrides)
  return { url, proxy, holdUntil, other: await startServer(t, other) }

  function holdUntil(requests: number) {
    const arrived = Promise.withResolvers<void>()
    let left = requests
    server.on('request', () => {
      left -= 1
      // The last one still has to be read.
      if (left === 0) setTimeout(arrived.resolve, 500)
    })
    proxy.fault = () => ({ until: arrived.promise })
  }
}
