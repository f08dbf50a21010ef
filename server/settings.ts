import { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { isNetwork } from './http/proxies.ts'

interface Setting<Value> {
  /** As it would be written; '' for none. */
  byDefault: string
  /** @throws {Error} one line with the rule, the value and the cure */
  parse: (value: string, name: string) => Value
}

/** Every setting: an environment variable, its default and its rule. README.md explains them. */
export const settings = {
  PORT: integer(8080, { min: 0, max: 65535 }),
  HOST: text('127.0.0.1'),
  DATA_DIR: text('data'),
  STORE: choice(['sqlite', 'dynamodb'], 'sqlite'),
  TABLE_PREFIX: { byDefault: 'onebox', parse: parseTablePrefix },
  AWS_REGION: { byDefault: '', parse: parseRegion },
  AWS_ENDPOINT_URL_DYNAMODB: { byDefault: '', parse: parseLoopbackUrl },
  WRITE_TOKEN: { byDefault: '', parse: parseTokens },
  WRITE_TOKEN_SHA256: { byDefault: '', parse: parseHashes },
  OPEN_WRITES: choice(['true', 'false'], 'false'),
  WRITES_PER_MINUTE: integer(0, { min: 0, max: 1_000_000 }),
  READS_PER_MINUTE: integer(0, { min: 0, max: 1_000_000 }),
  TIME_ZONE: { byDefault: 'UTC', parse: parseTimeZone },
  WEB_CONCURRENCY: integer(Math.min(64, availableParallelism()), { min: 1, max: 64 }),
  CONNECTION_LIMIT: integer(2000, { min: 1, max: 100_000 }),
  KEEP_ALIVE_SECONDS: integer(5, { min: 1, max: 3600 }),
  TLS_FILE: text(''),
  TLS_PORT: integer(8443, { min: 0, max: 65535 }),
  ACME_DIR: text(''),
  ACME_DIRECTORY: {
    byDefault: 'https://acme-v02.api.letsencrypt.org/directory',
    parse: parseAcmeDirectory,
  },
  ACME_ROOT: { byDefault: '', parse: parseCertificates },
  DOMAIN: { byDefault: '', parse: parseDomain },
  TRUSTED_PROXIES: { byDefault: '', parse: parseNetworks },
  RELEASE_ID: text(''),
  DEPLOY_STATE_FILE: text(''),
  OFFSITE_URL: { byDefault: '', parse: parseBucketUrl },
  OFFSITE_MINUTES: integer(15, { min: 5, max: 1440 }),
  OFFSITE_STATE_FILE: text(''),
  LOG_LEVEL: choice(['error', 'info'], 'info'),
  CANARY_TIMEOUT_MS: integer(20_000, { min: 1000, max: 600_000 }),
  BACKUPS_KEPT: integer(7, { min: 1, max: 1000 }),
}

/** What systemd, pm2 and AWS set. */
const inherited = {
  LISTEN_FDS: integer(0, { min: 0, max: 16 }),
  LISTEN_FDNAMES: text(''),
  NODE_APP_INSTANCE: integer(0, { min: 0, max: 9999 }),
  AWS_ACCESS_KEY_ID: text(''),
  AWS_SECRET_ACCESS_KEY: text(''),
  AWS_SESSION_TOKEN: text(''),
  METADATA_URL: text(''),
}

const all = { ...settings, ...inherited }

export type Env = Record<string, string | undefined>
export type Settings = { [Name in keyof typeof all]: ReturnType<(typeof all)[Name]['parse']> }
export type LogLevel = Settings['LOG_LEVEL']

/** An empty variable counts as unset. @throws {Error} one line naming the variable and the cure */
export function readSettings(env: Env): Settings {
  const values = Object.entries(all).map(([name, { byDefault, parse }]) => {
    return [name, parse(env[name] || byDefault, name)]
  })
  return Object.fromEntries(values)
}

function text(byDefault: string): Setting<string> {
  return { byDefault, parse: (value) => value }
}

function choice<Choice extends string>(
  choices: readonly Choice[],
  byDefault: NoInfer<Choice>,
): Setting<Choice> {
  return {
    byDefault,
    parse(value, name) {
      const chosen = choices.find((one) => one === value)
      if (chosen !== undefined) return chosen
      throw invalid(name, value, `be ${choices.join(' or ')}`, 'use one of them')
    },
  }
}

function integer(byDefault: number, { min, max }: { min: number; max: number }): Setting<number> {
  return {
    byDefault: String(byDefault),
    parse(value, name) {
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
      if (number >= min && number <= max) return number
      const cure = `leave it out for the default, ${byDefault}`
      throw invalid(name, value, `be an integer from ${min} to ${max}`, cure)
    },
  }
}

function parseTokens(value: string): Buffer[] {
  const tokens = list(value)
  if (!tokens.every((token) => /^[!-~]+$/.test(token))) {
    throw new Error('WRITE_TOKEN must be printable ASCII without spaces: use letters and digits')
  }
  return tokens.map((token) => hash('sha256', token, 'buffer'))
}

function parseHashes(value: string): Buffer[] {
  const hashes = list(value)
  const bad = hashes.findIndex((digest) => !/^[\da-f]{64}$/i.test(digest))
  if (bad < 0) return hashes.map((digest) => Buffer.from(digest, 'hex'))
  const rule = 'must be 64 hexadecimal digits per token'
  const cure = 'make one with printf %s "$TOKEN" | sha256sum'
  throw new Error(`WRITE_TOKEN_SHA256 ${rule}: entry ${bad + 1} is not; ${cure}`)
}

function parseTablePrefix(value: string, name: string): string {
  if (/^[\w.-]{1,200}$/.test(value)) return value
  throw invalid(name, value, 'be letters, digits, dots and hyphens', 'for example onebox-dev')
}

function parseRegion(value: string, name: string): string {
  if (value === '' || /^[a-z]{2}(-[a-z]+)+-\d$/.test(value)) return value
  throw invalid(name, value, 'be an AWS region', 'for example eu-west-1')
}

/** An emulator on this machine: other addresses would get data and credentials unencrypted. */
function parseLoopbackUrl(value: string, name: string): string {
  if (value === '' || isLoopbackUrl(value)) return value
  const rule = 'be an http URL on this machine'
  throw invalid(name, value, rule, 'for example http://127.0.0.1:8000, or leave it out for AWS')
}

function isLoopbackUrl(value: string): boolean {
  const { protocol, hostname } = URL.parse(value) ?? {}
  const isHere = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname ?? '')
  return protocol === 'http:' && isHere
}

function parseTimeZone(timeZone: string, name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone
  } catch {
    throw invalid(name, timeZone, 'be an IANA time zone', 'for example Europe/Berlin')
  }
}

function parseNetworks(value: string, name: string): string[] {
  const networks = list(value)
  const bad = networks.find((network) => !isNetwork(network))
  if (bad === undefined) return networks
  const rule = 'be addresses or networks of /8 or smaller, separated by commas'
  throw invalid(name, bad, rule, 'for example 10.0.0.0/8,2001:db8::1')
}

function parseBucketUrl(value: string, name: string): string {
  if (value === '' || (URL.canParse(value) && /^https?:\/\/[\w./:-]+$/.test(value))) return value
  throw invalid(
    name,
    value,
    'be a URL',
    'for example https://my-backups.s3.eu-west-1.amazonaws.com',
  )
}

function parseAcmeDirectory(value: string, name: string): string {
  if (isAcmeDirectory(value)) return value
  throw invalid(name, value, 'be an https URL or none', 'for example https://ca.example/dir')
}

function parseCertificates(value: string, name: string): string[] {
  const entries = list(value)
  const bad = entries.find((entry) => !isEncodedCertificate(entry))
  if (bad !== undefined) {
    const cure = 'make one with openssl x509 -in FILE -outform DER | base64 -w0'
    throw invalid(name, bad.slice(0, 20), 'be certificates in Base64, separated by commas', cure)
  }
  return entries.map(
    (entry) => `-----BEGIN CERTIFICATE-----\n${entry}\n-----END CERTIFICATE-----\n`,
  )
}

/** The https URL of a certificate authority, or `none`, for no HTTPS. */
export function isAcmeDirectory(text: string): boolean {
  return text === 'none' || (URL.canParse(text) && /^https:\/\/[\w./:@=+-]+$/.test(text))
}

/** In DER as Base64, as settings have no lines. */
export function isEncodedCertificate(text: string): boolean {
  return /^MI[A-Za-z\d+/]+={0,2}$/.test(text)
}

function parseDomain(value: string, name: string): string {
  if (value === '' || isDomain(value)) return value
  throw invalid(name, value, 'be a domain name in lower case', 'for example www.example.com')
}

/** A name that a certificate authority may know: with a dot, and not an address. */
export function isDomain(text: string): boolean {
  const labels = text.split('.')
  const isLabel = (label: string) => /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/.test(label)
  return text.length <= 253 && labels.length > 1 && labels.every(isLabel) && !/\.\d+$/.test(text)
}

function list(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function invalid(name: string, value: string, rule: string, cure: string): Error {
  return new Error(`${name} must ${rule}, got ${JSON.stringify(value)}: ${cure}`)
}
