import { readSettings } from '../settings.ts'
import { chooseNames, readAddress } from './names.ts'
import { certificateNames, renew } from './renew.ts'

// Root runs this on the instance every two minutes. It gets the certificate, and renews it: the server
// itself has no network.

main(process.env).catch((error: Error) => {
  console.error(`acme: ${error.message}`)
  process.exitCode = 1
})

async function main(env: NodeJS.ProcessEnv) {
  const {
    ACME_DIR: dir,
    ACME_DIRECTORY: directoryUrl,
    ACME_ROOT: roots,
    DOMAIN,
  } = readSettings(env)
  if (directoryUrl === 'none') return
  if (dir === '') throw new Error('ACME_DIR is not set: name the folder of the certificate')
  const address = await readAddress(env.METADATA_URL ?? 'http://169.254.169.254')
  // It comes minutes after the first boot.
  if (address === '') return
  const domain = DOMAIN === '' ? undefined : DOMAIN
  const covered = certificateNames(dir).some((name) => name === domain)
  const names = await chooseNames(address, domain, { covered })
  const line = await renew({ dir, directoryUrl, roots, ...names })
  if (line !== undefined) console.log(line)
}
