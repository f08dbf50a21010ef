import { createRequire } from 'node:module'
import { join } from 'node:path'
import { buildRelease } from '../../provisioning/packaging/release.ts'
import { pm2Environment } from '../local/pm2.ts'
import { step } from '../terminal/step.ts'
import type { Contestant } from './servers.ts'

const [pm2App] = createRequire(import.meta.url)('../../server/ecosystem.config.cjs').apps

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
    command: () => [process.execPath, ...pm2App.node_args, server],
    env: pm2Environment,
    commits: 'grouped',
  }
}
