import { styleText } from 'node:util'
import { lineOf } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'
import { readHealth } from './health.ts'
import { findUrl, type SiteAddress } from './secure.ts'

interface Source extends SiteAddress {
  /** Empty if the site needs none. */
  writeToken: string
}

/** After a rejected deploy, the last lines of what did not come up; none if the site does not tell. */
export async function readDeployLog(site: Source): Promise<string[]> {
  try {
    const { deploy } = await readHealth(await findUrl(site), site.writeToken)
    return (deploy?.log ?? []).map(lineOf)
  } catch {
    return []
  }
}

export async function printDeployLog(site: Source) {
  const lines = await readDeployLog(site)
  if (lines.length > 0) step('Last lines in the log of what did not come up')
  for (const line of lines) console.log(styleText('dim', `  ${line}`))
}
