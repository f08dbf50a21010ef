import { isIPv4 } from 'node:net'
import { isNetwork as isProxyNetwork } from '../server/http/proxies.ts'
import { isAcmeDirectory, isDomain, isEncodedCertificate } from '../server/settings.ts'

/** The length limit of `name`: role names begin with it and have at most 64 characters. */
export const nameLimit = 32

export type Architecture = keyof typeof smallestTypes

/** The smallest type of each architecture that boots and serves within its memory. */
export const smallestTypes = { arm64: 't4g.nano', x64: 't3.nano' } as const

interface Stack {
  project: string
  stack: string
  /** The stack's whole configuration, by full name such as `onebox:timeZone`. */
  values: Record<string, string>
  /** The full names of values stored as secrets. */
  secrets: string[]
}

interface Setting<Value> {
  byDefault: string | number | boolean
  /** How an error message states the rule, after "must". */
  rule: string
  example: string
  /** Returns undefined if the text breaks the rule. */
  parse: (text: string) => Value | undefined
}

/** Every setting of a stack; Pulumi.yaml says what each means. */
export const settings = {
  machines: integer(1, 1, 10),
  architecture: choice<Architecture>('arm64', ['arm64', 'x64']),
  instanceType: text('', /^[a-z][a-z\d-]*\.[a-z\d-]+$/, 'be an EC2 instance type', 't4g.micro'),
  availabilityZone: text(
    '',
    /^[a-z]+(-[a-z]+)+-\d[a-z]$/,
    'be an availability zone',
    'eu-central-1b',
  ),
  sshPublicKey: {
    byDefault: '',
    rule: 'be the text of a public key, ed25519 or RSA',
    example: '"$(cat ~/.ssh/id_ed25519.pub)"',
    parse: parsePublicKey,
  },
  sshFrom: {
    byDefault: '',
    rule: 'be IPv4 addresses or networks without host bits, from /8 to /32, separated by commas',
    example: '--secret 198.51.100.7/32',
    parse: parseNetworks,
  },
  sshEndpoint: {
    byDefault: false,
    rule: 'be true or false',
    example: 'true',
    parse: parseBoolean,
  },
  volumeSizeGiB: integer(8, 1, 16_384),
  backupMinutes: integer(15, 5, 1440),
  backupRegion: text('', /^[a-z]+(-[a-z]+)+-\d$/, 'be an AWS region', 'eu-west-1'),
  restoreSnapshotId: text('', /^snap-[\da-f]{8,17}$/, 'be an EBS snapshot id', 'snap-0123…'),
  release: text('', /^[\da-f]{64}$/, 'be a release id, 64 hexadecimal digits', '01ab…'),
  openWrites: {
    byDefault: false,
    rule: 'be true or false',
    example: 'true',
    parse: parseBoolean,
  },
  writeToken: {
    byDefault: '',
    rule: 'be 16 to 200 ASCII characters without spaces or commas',
    example: '--secret "$(openssl rand -hex 20)"',
    parse: (text) => matching(text, /^([!-+\--~]{16,200})?$/),
  },
  writesPerMinute: integer(60, 0, 1_000_000),
  readsPerMinute: integer(0, 0, 1_000_000),
  timeZone: {
    byDefault: 'UTC',
    rule: 'be an IANA time zone',
    example: 'Europe/Berlin',
    parse: parseTimeZone,
  },
  webConcurrency: integer(0, 0, 64),
  logLevel: choice('info', ['info', 'error']),
  keepAliveSeconds: integer(5, 1, 3600),
  trustedProxies: {
    byDefault: '',
    rule: 'be addresses, or networks of /8 or smaller, separated by commas',
    example: '10.0.0.0/16',
    parse: parseProxies,
  },
  domain: text('', { test: isDomain }, 'be a domain name in lower case', 'www.example.com'),
  hostedZoneId: text('', /^Z[A-Z\d]{5,31}$/, 'be the id of a Route 53 hosted zone', 'Z0123…'),
  acmeDirectory: text(
    '',
    { test: isAcmeDirectory },
    'be an https URL or none',
    'https://ca.example/dir',
  ),
  acmeRoot: text(
    '',
    { test: isEncodedCertificate },
    'be a certificate in Base64 on one line',
    '"$(openssl x509 -in root.pem -outform DER | base64 -w0)"',
  ),
  alarmEmail: text(
    '',
    /^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/,
    'be one e-mail address',
    '--secret you@example.com',
  ),
  monthlyBudgetUsd: integer(0, 0, 1_000_000),
  previewSubject: subject('pull_request'),
  releaseSubject: subject('environment:dev'),
  infrastructureSubject: subject('environment:dev'),
  githubProviderArn: text(
    '',
    /^arn:aws:iam::\d{12}:oidc-provider\/token\.actions\.githubusercontent\.com$/,
    "be the ARN of the account's identity provider for GitHub",
    'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com',
  ),
  stateBucket: text('', /^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/, 'be an S3 bucket name', 'my-state'),
} satisfies Record<string, Setting<unknown>>

type Name = keyof typeof settings
type ValueOf<Of extends Name> = NonNullable<ReturnType<(typeof settings)[Of]['parse']>>
type Settings = { [Each in Name]: ValueOf<Each> }

export interface Config extends Settings {
  project: string
  stack: string
  /** Project and stack, which names and tags begin with. */
  name: string
  region: string
}

/** @throws {Error} in one line: the setting, its invalid value and the cure */
export function readConfig({ project, stack, values, secrets }: Stack): Config {
  assertKnown(values, project)
  const entries = Object.keys(settings).map((name) => [name, read(name as Name)])
  const chosen: Settings = Object.fromEntries(entries)
  const instanceType = chosen.instanceType || smallestTypes[chosen.architecture]
  const region = values['aws:region'] ?? ''
  const config = { ...chosen, project, stack, name: `${project}-${stack}`, region, instanceType }
  assertSound(config, secrets)
  return config

  function read(name: Name): unknown {
    const { byDefault, rule, example, parse }: Setting<unknown> = settings[name]
    const text = values[`${project}:${name}`] ?? String(byDefault)
    const value = parse(text)
    if (value !== undefined) return value
    const got = isSensitive(name) ? '' : `, got ${JSON.stringify(text)}`
    throw new Error(`${project}:${name} must ${rule}${got}: ${set(project, name, example)}`)
  }
}

/** Somebody may have pasted the private key by mistake. */
function isSensitive(name: Name): boolean {
  return name === 'writeToken' || name === 'sshPublicKey'
}

function set(project: string, name: Name, value: string): string {
  return `pulumi config set ${project}:${name} ${value}`
}

function assertKnown(values: Stack['values'], project: string) {
  for (const key of Object.keys(values)) {
    const [namespace, name = ''] = key.split(':')
    if (namespace === project && !Object.hasOwn(settings, name)) {
      const known = Object.keys(settings).join(', ')
      throw new Error(`${key} is not a setting (${known}): pulumi config rm ${key}`)
    }
  }
}

/** Checks what no single setting shows. */
function assertSound(config: Config, secrets: string[]) {
  const { project, stack, name, region } = config
  if (!/^[a-z\d][a-z\d-]*$/.test(name) || name.length > nameLimit) {
    const length = `at most ${nameLimit} characters together with the project's name`
    const rule = `be lower-case letters, digits and hyphens, ${length}`
    throw new Error(`The stack's name must ${rule}, got "${stack}": pulumi stack rename dev`)
  }
  if (region === '') {
    const cure = 'pulumi config set aws:region eu-central-1'
    throw new Error(`aws:region must be set, so that the stack stays in one region: ${cure}`)
  }
  assertPartition(region)
  if (config.availabilityZone !== '' && config.availabilityZone.slice(0, -1) !== region) {
    const cure = set(project, 'availabilityZone', `${region}b`)
    const zone = config.availabilityZone
    throw new Error(`${project}:availabilityZone must be in ${region}, got ${zone}: ${cure}`)
  }
  assertPartition(config.backupRegion)
  if (config.backupRegion === region) {
    const cure = `choose another, or pulumi config rm ${project}:backupRegion`
    throw new Error(`${project}:backupRegion must not be ${region}, where the stack is: ${cure}`)
  }
  if (config.sshFrom.length > 0 && config.sshPublicKey === '') {
    const { example } = settings.sshPublicKey
    const cure = `ssh-keygen -t ed25519, then ${set(project, 'sshPublicKey', example)}`
    throw new Error(`${project}:sshPublicKey must be set when sshFrom is: ${cure}`)
  }
  assertForMachines(config)
  if (config.openWrites && config.writeToken !== '') {
    const cure = `pulumi config rm ${project}:writeToken, or ${project}:openWrites`
    throw new Error(`${project}:openWrites must not be true when writeToken is set: ${cure}`)
  }
  if (config.writeToken !== '' && !secrets.includes(`${project}:writeToken`)) {
    const { example } = settings.writeToken
    const cure = `set a new one: ${set(project, 'writeToken', example)}`
    throw new Error(`${project}:writeToken must be stored as a secret, and is not: ${cure}`)
  }
  if (config.hostedZoneId !== '' && config.domain === '') {
    const cure = set(project, 'domain', settings.domain.example)
    throw new Error(`${project}:hostedZoneId needs a domain: ${cure}`)
  }
  if (config.monthlyBudgetUsd > 0 && config.alarmEmail === '') {
    const cure = set(project, 'alarmEmail', settings.alarmEmail.example)
    throw new Error(`${project}:monthlyBudgetUsd needs an alarmEmail: ${cure}`)
  }
}

/** What several machines have no use for: their data is in DynamoDB, and the load balancer has the certificate. */
const forOneMachine = [
  'availabilityZone',
  'volumeSizeGiB',
  'backupMinutes',
  'backupRegion',
  'restoreSnapshotId',
  'acmeDirectory',
  'acmeRoot',
  'infrastructureSubject',
] as const

function assertForMachines(config: Config) {
  const { project, stack, machines } = config
  if (machines === 1) return
  if (stack.endsWith('-')) {
    const rule = 'not end with a hyphen, as load balancers must not'
    throw new Error(`The stack's name must ${rule}, got "${stack}": pulumi stack rename wide`)
  }
  const name = forOneMachine.find(
    (name) => String(config[name]) !== String(settings[name].byDefault),
  )
  if (name === undefined) return
  const cure = `pulumi config rm ${project}:${name}`
  throw new Error(`${project}:${name} is for one machine, and machines is ${machines}: ${cure}`)
}

const otherPartitions: [region: RegExp, name: string][] = [
  [/^cn-/, "AWS's China regions"],
  [/^us-gov-/, 'AWS GovCloud'],
  [/^(us|eu)-iso/, "AWS's isolated regions"],
  [/^eusc-/, 'the AWS European Sovereign Cloud'],
]

/**
 * Other partitions have their own accounts, ARNs and prices, and no us-east-1 for alarms.
 * @throws {Error} in one line: the region and the cure
 */
export function assertPartition(region: string) {
  const name = otherPartitions.find(([pattern]) => pattern.test(region))?.[1]
  if (name === undefined) return
  throw new Error(`onebox does not run in ${name} (${region}): choose a region such as eu-west-1`)
}

type Pattern = Pick<RegExp, 'test'>

/** Text that may be empty. */
function text(byDefault: string, pattern: Pattern, rule: string, example: string): Setting<string> {
  const parse = (text: string) => (text === '' ? text : matching(text, pattern))
  return { byDefault, rule, example, parse }
}

/**
 * The full subject, as GitHub builds it with or without ids. Patterns could let strangers in.
 * https://docs.github.com/en/actions/concepts/security/openid-connect
 */
function subject(run: string): Setting<string> {
  const rule = 'be the full subject of a kind of workflow run, without * or ?'
  return text('', /^[^\s:*?]+:[^\s*?]+$/, rule, `repo:you@1234/onebox@5678:${run}`)
}

function choice<Choice extends string>(byDefault: Choice, choices: Choice[]): Setting<Choice> {
  const parse = (text: string) => choices.find((one) => one === text)
  return { byDefault, rule: `be ${choices.join(' or ')}`, example: byDefault, parse }
}

function integer(byDefault: number, min: number, max: number): Setting<number> {
  const rule = `be an integer from ${min} to ${max}`
  return { byDefault, rule, example: String(byDefault || max), parse }

  function parse(text: string) {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? number : undefined
  }
}

function parseBoolean(text: string): boolean | undefined {
  if (text === 'true') return true
  return text === 'false' ? false : undefined
}

function matching(text: string, pattern: Pattern): string | undefined {
  return pattern.test(text) ? text : undefined
}

/** Without the comment, which names a person. A new comment alone would replace the instance. */
function parsePublicKey(text: string): string | undefined {
  if (text === '') return text
  return /^(ssh-ed25519|ssh-rsa) AAAA[\w+/]+={0,2}(?=\s|$)/.exec(text)?.[0]
}

function parseNetworks(text: string): string[] | undefined {
  const networks = list(text).map((entry) => (entry.includes('/') ? entry : `${entry}/32`))
  return networks.every(isNetwork) ? [...new Set(networks)] : undefined
}

function parseProxies(text: string): string[] | undefined {
  const networks = list(text)
  return networks.every(isProxyNetwork) ? networks : undefined
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function isNetwork(text: string): boolean {
  const [address = '', prefix = ''] = text.split('/')
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (!isIPv4(address) || !(bits >= 8 && bits <= 32)) return false
  const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  return number % 2 ** (32 - bits) === 0
}

function parseTimeZone(text: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return matching(text, /^[\w+/-]+$/)
  } catch {
    return undefined
  }
}
