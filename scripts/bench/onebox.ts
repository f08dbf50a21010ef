import { join } from 'node:path'
import { build } from '../build.ts'
import { step } from './report/print.ts'
import type { Contestant } from './servers.ts'

/** The release as `npm run build` makes it for this machine, without pm2: one process, like a peer. */
export async function buildOnebox(folder: string): Promise<Contestant> {
  step('Building the release of onebox')
  const [release] = await build({ outDir: join(folder, 'releases') })
  if (!release) throw new Error('The build made no release for this machine')
  const server = join(release.dir, 'server.cjs')
  return {
    name: 'onebox',
    version: release.id.slice(0, 12),
    command: () => [process.execPath, server],
  }
}
