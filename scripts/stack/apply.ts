import { hostname } from 'node:os'
import { styleText } from 'node:util'
import {
  ConcurrentUpdateError,
  type EngineEvent,
  type OpType,
  type Stack,
} from '@pulumi/pulumi/automation/index.js'
import { duration } from '../terminal/format.ts'
import { createLive } from '../terminal/live.ts'
import { step } from '../terminal/step.ts'
import { cureFor } from './cures.ts'
import { explainPulumi, readableReason } from './explain-pulumi.ts'

/** A change that an update makes or would make, such as `create` to `ec2.Instance server`. */
export interface Change {
  operation: OpType
  what: string
  /** The image of an instance that would be made. */
  image?: string
}

interface Scope {
  /** URNs of resources to replace even if unchanged. */
  replace?: string[]
}

type Command = 'up' | 'destroy'

/**
 * Updates the stack, or destroys it, with a line for each change.
 * @throws {Error} one line with the reason from Pulumi or AWS, and the cure
 */
export function apply(stack: Stack, command: Command, scope: Scope = {}) {
  return operate(stack, command, (options) => stack[command]({ ...scope, ...options }))
}

/** Has Pulumi check on AWS whether these still exist. */
export function refresh(stack: Stack, command: Command, target: string[]) {
  return operate(stack, command, ({ onEvent, signal }) => {
    // Pulumi reports what it forgets as deleted.
    const onOther = (event: EngineEvent) => void (event.resOutputsEvent ?? onEvent(event))
    return stack.refresh({ target, signal, onEvent: onOther })
  })
}

interface Hooks {
  onEvent: (event: EngineEvent) => void
  signal: AbortSignal
}

type Operation = (hooks: Hooks) => Promise<unknown>

async function operate(stack: Stack, command: Command, operation: Operation) {
  try {
    await operateOnce(stack, command, operation)
  } catch (error) {
    if (!(error instanceof ConcurrentUpdateError)) throw error
    await releaseLock(stack, error.message)
    await operateOnce(stack, command, operation)
  }
}

async function operateOnce({ name }: Stack, command: Command, operation: Operation) {
  const progress = followResources()
  const interruption = forwardSignals()
  try {
    await operation({ onEvent: progress.hear, signal: interruption.signal })
  } catch (error) {
    if (error instanceof ConcurrentUpdateError) throw error
    const again = `npx onebox ${command} --stack ${name}`
    if (interruption.isSeen()) throw new Error(`Interrupted: ${again} continues from here`)
    const reason = progress.errors[0] ?? explainPulumi(error).message
    const cure = cureFor(reason, name) ?? 'Fix it'
    throw new Error(`${reason.replace(/\.$/, '')}. ${cure}, then run ${again} again`)
  } finally {
    interruption.end()
    progress.end()
  }
}

/**
 * Ctrl-C reaches Pulumi directly, as it shares our terminal, and Pulumi then stops cleanly. Other
 * signals must be passed on.
 */
function forwardSignals() {
  const controller = new AbortController()
  let interrupted = false
  const note = () => {
    interrupted = true
  }
  const passOn = () => {
    interrupted = true
    controller.abort()
  }
  process.on('SIGINT', note).on('SIGTERM', passOn).on('SIGHUP', passOn)
  return {
    signal: controller.signal,
    isSeen: () => interrupted,
    end: () => process.off('SIGINT', note).off('SIGTERM', passOn).off('SIGHUP', passOn),
  }
}

const locker = /created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g

/**
 * Unlocks the stack if the run that locked it was cut off.
 * @throws {Error} unless that run was on this machine and has certainly ended
 */
async function releaseLock(stack: Stack, message: string) {
  const locks = [...message.matchAll(locker)].map(([, user, host, pid, time]) => {
    return { who: `${user}@${host}`, isGone: host === hostname() && !isRunning(Number(pid)), time }
  })
  const holder = locks.find(({ isGone }) => !isGone)
  if (locks.length > 0 && holder === undefined) {
    step(`The run of ${locks[0]?.time} was cut off: continuing from there`)
    return stack.cancel()
  }
  const who = holder ? `${holder.who} since ${holder.time}` : 'another run'
  const cure = `wait for it, or npx onebox pulumi cancel --stack ${stack.name} if it is gone`
  throw new Error(`Stack ${stack.name} is locked by ${who}: ${cure}`)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What an update would do. */
export async function preview(stack: Stack, scope: Scope = {}): Promise<Change[]> {
  const changes: Change[] = []
  const errors: string[] = []
  try {
    await stack.preview({
      ...scope,
      onEvent(event) {
        const { metadata } = event.resourcePreEvent ?? {}
        if (metadata && isChange(metadata)) changes.push(changeOf(metadata))
        errors.push(...errorsOf(event))
      },
    })
  } catch (error) {
    throw new Error(errors[0] ?? explainPulumi(error).message, { cause: error })
  }
  return changes
}

type Metadata = NonNullable<EngineEvent['resourcePreEvent']>['metadata']

/** Prints a line for each, up to `most` of them. */
export function printChanges(changes: Change[], most = changes.length) {
  for (const { operation, what } of changes.slice(0, most)) console.log(`  ${operation} ${what}`)
  const more = changes.length - most
  if (more > 0) console.log(`  and ${more} more`)
  if (changes.length === 0) console.log('  nothing')
}

const verbs: Partial<Record<OpType, [doing: string, done: string]>> = {
  create: ['creating', 'created'],
  update: ['updating', 'updated'],
  delete: ['deleting', 'deleted'],
  'create-replacement': ['creating the new', 'created the new'],
  'delete-replaced': ['deleting the old', 'deleted the old'],
  read: ['reading', 'read'],
}

/** A replacement appears as its two halves. */
function isChange({ op, type }: Metadata): boolean {
  return Object.hasOwn(verbs, op) && !type.startsWith('pulumi:')
}

function changeOf({ op, urn, type, new: next }: Metadata): Change {
  const change = { operation: op, what: `${shortType(type)} ${nameOf(urn)}` }
  const isMade = op === 'create' || op === 'create-replacement'
  const image: string | undefined = isMade ? next?.inputs.ami : undefined
  return image === undefined ? change : { ...change, image }
}

/** The name of an SSH rule has an address, which does not belong in the log of a build server. */
export function nameOf(urn: string): string {
  const name = urn.split('::').at(-1) ?? ''
  return process.env.CI ? name.replace(/^ssh-in-[\d./]+$/, 'ssh-in-…') : name
}

/** `ec2.Instance` for `aws:ec2/instance:Instance`. */
export function shortType(type: string): string {
  const [, module = '', name = ''] = type.split(':')
  return `${module.split('/')[0]}.${name}`.replace(/^index\./, '')
}

function errorsOf({ diagnosticEvent }: EngineEvent): string[] {
  const { severity, message = '', urn = '' } = diagnosticEvent ?? {}
  const reason = readableReason(message, urn.split(':')[2])
  if (severity !== 'error' || /^(update|preview|destroy) failed/.test(reason)) return []
  const type = urn.split('::')[2] ?? ''
  const isOfStack = type === '' || type.startsWith('pulumi:')
  return [isOfStack ? reason : `${shortType(type)} ${nameOf(urn)}: ${reason}`]
}

/** Prints a line for each change that is done, and below them what is in progress. */
function followResources() {
  const live = createLive()
  const pending = new Map<string, number>()
  const errors: string[] = []
  live.show('Pulumi is starting; the first time it downloads its AWS provider')

  return { hear, errors, end: live.end }

  function hear(event: EngineEvent) {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent } = event
    if (resourcePreEvent && isChange(resourcePreEvent.metadata)) start(resourcePreEvent.metadata)
    if (resOutputsEvent && isChange(resOutputsEvent.metadata))
      finish(resOutputsEvent.metadata, true)
    if (resOpFailedEvent) finish(resOpFailedEvent.metadata, false)
    errors.push(...errorsOf(event))
    const { severity, message = '', ephemeral } = event.diagnosticEvent ?? {}
    const isNews = severity === 'info' || severity === 'warning'
    if (isNews && !ephemeral) live.print(`  ${readableReason(message)}`)
  }

  function start(metadata: Metadata) {
    pending.set(changeText(metadata, 0), performance.now())
    showPending()
  }

  function finish(metadata: Metadata, isDone: boolean) {
    const startedAt = pending.get(changeText(metadata, 0)) ?? performance.now()
    pending.delete(changeText(metadata, 0))
    const took = styleText('dim', duration((performance.now() - startedAt) / 1000))
    const sign = isDone ? styleText('green', '✓') : styleText('red', '✗')
    live.print(`${sign} ${changeText(metadata, isDone ? 1 : 0)} ${took}`)
    showPending()
  }

  function changeText(metadata: Metadata, tense: 0 | 1): string {
    const { operation, what } = changeOf(metadata)
    if (operation.startsWith('delete') && metadata.old?.retainOnDelete) return `kept ${what}`
    return `${verbs[operation]?.[tense] ?? operation} ${what}`
  }

  function showPending() {
    const [first = 'working', ...others] = pending.keys()
    live.show(others.length === 0 ? first : `${first}, and ${others.length} more`)
  }
}
