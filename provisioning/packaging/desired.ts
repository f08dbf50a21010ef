import { readConfig } from '../../server/config.ts'

// All that can be set on an instance, each always written: to pm2, a variable that is gone keeps
// its value. An empty one has server/config.ts' default.
const defaults = {
  WRITE_TOKEN_SHA256: '',
  OPEN_WRITES: '',
  TIME_ZONE: '',
  WRITES_PER_MINUTE: '60',
  WEB_CONCURRENCY: '',
  CONNECTION_LIMIT: '',
  KEEP_ALIVE_SECONDS: '',
  TRUSTED_PROXIES: '',
  LOG_LEVEL: '',
}

interface Desired {
  /** The ids of the archives. */
  runtime: string
  release: string
  /** What differs from the defaults. */
  environment?: Record<string, string | undefined>
}

/**
 * What an instance shall run: the text of desired.json.
 * @throws {Error} one line that names the setting which makes no sense, and the cure
 */
export function desired({ runtime, release, environment = {} }: Desired): string {
  for (const setting of Object.keys(environment)) assertKnown(setting)
  const settings = Object.entries(defaults).map(([setting, byDefault]) => {
    return [setting, environment[setting] ?? byDefault] as const
  })
  for (const [setting, value] of settings) assertPlain(setting, value)
  const complete = Object.fromEntries(settings)
  readConfig({ ...complete, DATA_DIR: '/data', RELEASE_ID: release }, '')
  return `${JSON.stringify({ runtime, release, environment: complete }, null, 2)}\n`
}

function assertKnown(setting: string) {
  if (Object.hasOwn(defaults, setting)) return
  const known = Object.keys(defaults).join(', ')
  throw new Error(`${setting} cannot be set on an instance: choose among ${known}`)
}

/** The instance writes these to a file for systemd, where others would have to be quoted. */
function assertPlain(setting: string, value: string) {
  if (/^[A-Za-z0-9_,./+:@=-]*$/.test(value)) return
  const rule = 'must hold nothing but letters, digits and _,./+:@=-'
  throw new Error(`${setting} ${rule}, got ${JSON.stringify(value)}: leave out the rest`)
}
