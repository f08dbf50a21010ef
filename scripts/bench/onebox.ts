import { createRequire } from 'node:module'
import { join } from 'node:path'
import { buildRelease } from '../../provisioning/packaging/release.ts'
import { pm2Environment } from '../local/pm2.ts'
import { step } from '../terminal/step.ts'
import type { Contestant } from './servers.ts'

const { nodeArgs } = createRequire(import.meta.url)('../../server/ecosystem.config.cjs')

/**
 * The release of this machine with the settings it has under pm2, but without pm2: one process, like
 * the peers.
 */
export async function buildOnebox(folder: string): Promise<Contestant> {
  step('Building the release of onebox')
  const release = await buildRelease({ outDir: join(folder, 'releases') })
  const server = join(release.dir, 'server.cjs')
  return {
    name: 'onebox',
    version: release.id.slice(0, 12),
    command: () => [process.execPath, ...nodeArgs('sqlite'), server],
    env: pm2Environment,
    commits: 'grouped',
  }
}

/** The same with its data in DynamoDB. */
export function onDynamodb(onebox: Contestant): Contestant {
  const server = onebox.command(0).at(-1) ?? ''
  return {
    ...onebox,
    command: () => [process.execPath, ...nodeArgs('dynamodb'), server],
    env: { ...onebox.env, STORE: 'dynamodb' },
  }
}
