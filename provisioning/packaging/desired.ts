import { readConfig } from '../../server/config.ts'

// The settings of an instance. All are always written, as pm2 keeps the old value of a variable that
// is missing. An empty one means the default of server/settings.ts.
const defaults: Record<string, string | undefined> = {
  WRITE_TOKEN_SHA256: '',
  OPEN_WRITES: '',
  TIME_ZONE: '',
  WRITES_PER_MINUTE: '60',
  READS_PER_MINUTE: '',
  WEB_CONCURRENCY: '',
  CONNECTION_LIMIT: '',
  KEEP_ALIVE_SECONDS: '',
  TRUSTED_PROXIES: '',
  DOMAIN: '',
  ACME_DIRECTORY: '',
  ACME_ROOT: '',
  OFFSITE_URL: '',
  OFFSITE_MINUTES: '',
  LOG_LEVEL: '',
  // Only several machines have these; they are left out elsewhere.
  STORE: undefined,
  TABLE_PREFIX: undefined,
  AWS_REGION: undefined,
}

interface Desired {
  /** The ids of the archives. */
  runtime: string
  release: string
  /** The settings that differ from the defaults. */
  environment?: Record<string, string | undefined>
}

/**
 * The text of desired.json, which says what an instance must run.
 * @throws {Error} one line that names the invalid setting and the cure
 */
export function desired({ runtime, release, environment = {} }: Desired): string {
  for (const setting of Object.keys(environment)) assertKnown(setting)
  const settings = Object.entries(defaults).map(([setting, byDefault]) => {
    return [setting, environment[setting] ?? byDefault] as const
  })
  for (const [setting, value = ''] of settings) assertPlain(setting, value)
  const complete = Object.fromEntries(settings)
  readConfig({ ...complete, DATA_DIR: '/data', RELEASE_ID: release }, '')
  return `${JSON.stringify({ runtime, release, environment: complete }, null, 2)}\n`
}

function assertKnown(setting: string) {
  if (Object.hasOwn(defaults, setting)) return
  const known = Object.keys(defaults).join(', ')
  throw new Error(`${setting} cannot be set on an instance: use one of ${known}`)
}

/** The instance writes these to a file for systemd, which would need quotes for others. */
function assertPlain(setting: string, value: string) {
  if (/^[A-Za-z0-9_,./+:@=-]*$/.test(value)) return
  const rule = 'must consist of letters, digits and _,./+:@=-'
  throw new Error(`${setting} ${rule}, got ${JSON.stringify(value)}: remove the rest`)
}
