// Stands in for the Pulumi CLI, see install.ts.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { OpType } from '@pulumi/pulumi/automation/index.js'
import type { EventLog } from './event-log.ts'
import type { CloudOutputs, Plan, Step } from './plan.ts'
import {
  type Backend,
  Failure,
  openBackend,
  project,
  type State,
  type StoredResource,
} from './state.ts'

const { positionals, values } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    stack: { type: 'string', short: 's' },
    'event-log': { type: 'string' },
    'exec-kind': { type: 'string' },
    message: { type: 'string' },
    color: { type: 'string' },
    'page-size': { type: 'string' },
    page: { type: 'string' },
    replace: { type: 'string', multiple: true },
    target: { type: 'string', multiple: true },
  },
})

const commands: Record<string, (backend: Backend, args: string[]) => unknown> = {
  whoami: () => ({ user: 'tester', url: process.env.PULUMI_BACKEND_URL }),
  'stack init': (backend, [name = '']) => backend.create(name),
  'stack select': (backend) => void readState(backend),
  'stack ls': (backend) => backend.names().map((name) => ({ name, current: false })),
  'stack rm': (backend, [name = '']) => backend.remove(name),
  'stack history': () => [{ kind: 'update', result: 'succeeded', config: {}, environment: {} }],
  'stack export': (backend) => ({ version: 3, deployment: readState(backend) }),
  'stack output': showOutputs,
  config: showConfig,
  'config set': setConfig,
  'config rm': removeConfig,
  cancel: (backend) => backend.unlock(stackName()),
  preview: (backend) => update(backend, 'preview'),
  up: (backend) => update(backend, 'up'),
  destroy: (backend) => update(backend, 'destroy'),
  refresh: (backend) => refresh(backend),
}

let cancelled = false
process.on('SIGINT', () => {
  cancelled = true
  console.error(
    '^C received; cancelling. If you would like to terminate immediately, press ^C again.',
  )
})

try {
  if (positionals[0] === 'version') console.log('v3.270.0')
  else print(await run())
} catch (error) {
  if (!(error instanceof Failure)) throw error
  console.error(`error: ${error.message}`)
  process.exitCode = 1
}

function run() {
  const [first = '', second = ''] = positionals as string[]
  const name = `${first} ${second}` in commands ? `${first} ${second}` : first
  const command = commands[name]
  if (!command) throw new Failure(`unknown command "${name}" for "pulumi"`)
  return command(openBackend(process.env), (positionals as string[]).slice(name.split(' ').length))
}

function print(answer: unknown) {
  if (answer !== undefined) console.log(JSON.stringify(answer, null, 2))
}

function stackName(): string {
  return String(values.stack ?? 'dev')
}

function readState(backend: Backend): State {
  return backend.read(stackName())
}

function showOutputs(backend: Backend, [name]: string[]) {
  const entries = Object.entries(readState(backend).outputs)
  const shown = Object.fromEntries(
    entries.map(([key, { value, secret }]) => {
      return [key, secret && !values['show-secrets'] ? '[secret]' : value]
    }),
  )
  if (name === undefined) return shown
  console.log(shown[name])
}

function showConfig(backend: Backend) {
  return readState(backend).config
}

function setConfig(backend: Backend, [name = '', given]: string[]) {
  const value = given ?? readFileSync(0, 'utf8').trim()
  const secret = values.secret === true
  change(backend, (state) => Object.assign(state.config, { [keyOf(name)]: { value, secret } }))
}

function removeConfig(backend: Backend, [name = '']: string[]) {
  change(backend, ({ config }) => delete config[keyOf(name)])
}

/** Settings are the project's where they name no other. */
function keyOf(name: string): string {
  return name.includes(':') ? name : `${project}:${name}`
}

function change(backend: Backend, work: (state: State) => unknown) {
  const state = readState(backend)
  work(state)
  backend.write(stackName(), state)
}

async function update(backend: Backend, kind: 'preview' | 'up' | 'destroy') {
  const state = readState(backend)
  if (kind !== 'preview') backend.lock(stackName())
  // Only what is needed is loaded, as commands call this program many times.
  const { openEventLog } = await import('./event-log.ts')
  const log = openEventLog(values['event-log'] as string | undefined)
  try {
    const plan = await planFor(kind, state)
    report(plan, log)
    for (const task of tasksOf(plan)) await carryOut(task, { kind, state, backend, log })
    log.write({ summaryEvent: summaryOf(plan) })
    if (kind === 'preview') return
    state.outputs = Object.fromEntries(
      Object.entries(plan.outputs).map(([name, value]) => {
        return [name, { value, secret: plan.secretOutputs.includes(name) }]
      }),
    )
    backend.write(stackName(), state)
  } finally {
    await log.end()
    if (kind !== 'preview') backend.unlock(stackName())
  }
}

async function planFor(kind: string, state: State): Promise<Plan> {
  if (kind !== 'destroy') {
    const { makePlan } = await import('./plan.ts')
    const replace = (values.replace ?? []) as string[]
    return makePlan(process.cwd(), stackName(), state, { cloud: await cloudOutputs(), replace })
  }
  const steps = state.resources
    .toReversed()
    .map((resource): Step => ({ operation: 'delete', resource }))
  return { steps, resources: [], outputs: {}, secretOutputs: [], log: '', exitCode: 0 }
}

/** Passes on what the program says. @throws {Failure} where it failed */
function report({ log: said, exitCode }: Plan, log: EventLog) {
  const severities = ['info', 'warning', 'error'] as const
  for (const line of said.split('\n')) {
    const severity = severities.find((name) => line.startsWith(`${name}: `))
    const message = line.slice(line.indexOf(': ') + 2)
    const urn = `urn:pulumi:${stackName()}::onebox::pulumi:pulumi:Stack::onebox-${stackName()}`
    if (!severity) continue
    log.write({
      diagnosticEvent: {
        urn,
        message: `<{%reset%}>${message}<{%reset%}>\n`,
        color: 'raw',
        severity,
      },
    })
  }
  if (exitCode !== 0) throw new Failure('update failed')
}

interface Work {
  kind: 'preview' | 'up' | 'destroy'
  state: State
  backend: Backend
  log: EventLog
}

interface Task {
  op: OpType
  resource: StoredResource
  old?: StoredResource | undefined
}

/** A replacement is made first and its old one deleted at the end, unless it is the other way. */
function tasksOf({ steps }: Plan): Task[] {
  const last: Task[] = []
  const first = steps.flatMap(({ operation, resource, old, deleteBeforeReplace }): Task[] => {
    if (operation === 'delete') last.push({ op: operation, resource })
    if (operation === 'delete') return []
    if (operation !== 'replace' || !old) return [{ op: operation, resource, old }]
    const making: Task[] = [
      { op: 'create-replacement', resource, old },
      { op: 'replace', resource, old },
    ]
    const ending: Task = { op: 'delete-replaced', resource: old, old }
    if (deleteBeforeReplace) return [ending, ...making.reverse()]
    last.unshift(ending)
    return making
  })
  return [...first, ...last]
}

async function carryOut(task: Task, { kind, state, backend, log }: Work) {
  const { op, resource } = task
  const metadata = metadataOf(task)
  const planning = kind === 'preview'
  if (cancelled) throw new Failure('update canceled')
  log.write({ resourcePreEvent: { metadata, planning } })
  const isLeft = op.startsWith('delete') && resource.retainOnDelete
  if (!planning && op !== 'same' && !isLeft) await applyToCloud(task, log)
  log.write({ resOutputsEvent: { metadata, planning } })
  if (planning) return
  state.resources = resourcesAfter(task, state.resources)
  if (resource.type.includes('bucketObjectv2') && !state.objects.includes(resource.inputs.key)) {
    state.objects.push(resource.inputs.key)
  }
  backend.write(stackName(), state)
}

/** Each stays in its place, as what is made before something is deleted after it. */
function resourcesAfter({ op, resource, old }: Task, resources: StoredResource[]) {
  if (op === 'replace') return resources
  if (op.startsWith('delete')) return resources.filter((each) => each !== resource)
  if (old === undefined || !resources.includes(old)) return [...resources, resource]
  const isKept = op !== 'create-replacement'
  if (!isKept) old.delete = true
  return resources.flatMap((each) => {
    if (each !== old) return [each]
    return isKept ? [resource] : [old, resource]
  })
}

/** Forgets what the cloud no longer has, and tells it as deleted. */
async function refresh(backend: Backend) {
  const state = readState(backend)
  const targets = values.target as string[] | undefined
  const lost = targets?.find((target) => !state.resources.some(({ urn }) => urn === target))
  if (lost) throw new Failure(`no resource named '${lost}' found`)
  backend.lock(stackName())
  const { openEventLog } = await import('./event-log.ts')
  const log = openEventLog(values['event-log'] as string | undefined)
  try {
    for (const resource of [...state.resources]) {
      if (targets?.includes(resource.urn) === false || (await isInCloud(resource))) continue
      log.write({ resOutputsEvent: { metadata: metadataOf({ op: 'delete', resource }) } })
      state.resources = state.resources.filter((each) => each !== resource)
    }
    backend.write(stackName(), state)
  } finally {
    await log.end()
    backend.unlock(stackName())
  }
}

async function isInCloud(resource: StoredResource): Promise<boolean> {
  const url = process.env.FAKE_CLOUD_URL
  if (!url) return true
  return (await fetch(`${url}/read`, { method: 'POST', body: JSON.stringify({ resource }) })).ok
}

function summaryOf({ steps }: Plan) {
  const counts = Map.groupBy(steps, ({ operation }) => operation)
  const resourceChanges = Object.fromEntries([...counts].map(([op, each]) => [op, each.length]))
  return { maybeCorrupt: false, durationSeconds: 1, resourceChanges, policyPacks: {} }
}

function metadataOf({ op, resource, old = resource }: Task) {
  const { type, urn } = resource
  return {
    op,
    urn,
    type,
    old: stateOf(old),
    ...(!op.startsWith('delete') && { new: stateOf(resource) }),
    provider: 'urn:pulumi:dev::onebox::pulumi:providers:aws',
  }
}

function stateOf({ type, urn, id, inputs, retainOnDelete }: StoredResource) {
  return {
    type,
    urn,
    id,
    retainOnDelete,
    custom: true,
    parent: '',
    inputs,
    outputs: {},
    provider: '',
  }
}

async function cloudOutputs(): Promise<CloudOutputs> {
  const url = process.env.FAKE_CLOUD_URL
  return url ? ((await (await fetch(`${url}/outputs`)).json()) as CloudOutputs) : {}
}

async function applyToCloud(task: Task, log: EventLog) {
  const { op: operation, resource } = task
  const url = process.env.FAKE_CLOUD_URL
  if (!url || operation === 'replace') return
  const response = await fetch(`${url}/apply`, {
    method: 'POST',
    body: JSON.stringify({ operation, resource }),
  })
  if (response.ok) return
  const { urn } = resource
  const message = `<{%reset%}>sdk-v2/provider2.go:572: sdk.helper_schema: ${await response.text()}: provider=aws@7.48.0<{%reset%}>\n`
  log.write({
    diagnosticEvent: {
      urn,
      prefix: '<{%fg 1%}>error: <{%reset%}>',
      message,
      color: 'raw',
      severity: 'error',
    },
  })
  log.write({
    resOpFailedEvent: {
      metadata: metadataOf(task),
      status: 0,
      steps: 0,
    },
  })
  throw new Failure('update failed')
}
