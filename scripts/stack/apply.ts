import { styleText } from 'node:util'
import type { EngineEvent, OpType, Stack } from '@pulumi/pulumi/automation/index.js'
import { duration } from '../terminal/format.ts'
import { createLive } from '../terminal/live.ts'
import { cureFor } from './cures.ts'
import { explainPulumi, isLocked, readableReason } from './explain-pulumi.ts'
import { withLock } from './lock.ts'
import { saveCopy } from './state-copy.ts'

/** A change that an update makes or would make, such as `create` to `ec2.Instance server`. */
export interface Change {
  /** `keep` is for what only Pulumi forgets. */
  operation: OpType | 'keep'
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
export async function apply(stack: Stack, command: Command, scope: Scope = {}) {
  try {
    await operate(stack, command, (options) => stack[command]({ ...scope, ...options }))
  } finally {
    if (command === 'up') await saveCopy(stack)
  }
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

function operate(stack: Stack, command: Command, operation: Operation) {
  return withLock(stack, () => operateOnce(stack, command, operation))
}

async function operateOnce({ name }: Stack, command: Command, operation: Operation) {
  const progress = followResources(name)
  const interruption = watchInterruptions(progress.sayStopping)
  try {
    await operation({ onEvent: progress.hear, signal: interruption.signal })
  } catch (error) {
    if (isLocked(error)) throw error
    const again = `npx onebox ${command} --stack ${name}`
    const { count } = interruption
    if (count === 1) throw new Error(`Interrupted: ${again} continues from here`)
    if (count > 1) {
      throw new Error(`Cut off, with changes half-done: ${again} looks for them and continues`)
    }
    const cause = progress.errors[0] ?? explainPulumi(error)
    const cure = cureFor(cause.message, name) ?? 'Fix it'
    throw new Error(`${cause.message.replace(/\.$/, '')}. ${cure}, then run ${again} again`, {
      cause,
    })
  } finally {
    interruption.end()
    progress.end()
  }
}

/**
 * Ctrl-C reaches Pulumi directly, as it shares our terminal: at the first it waits for what is under
 * way, at the second it ends. Other signals must be passed on.
 */
function watchInterruptions(sayStopping: () => void) {
  const controller = new AbortController()
  const interruption = { count: 0, signal: controller.signal, end }
  process.on('SIGINT', note).on('SIGTERM', passOn).on('SIGHUP', passOn)
  return interruption

  function note() {
    interruption.count += 1
    if (interruption.count === 1) sayStopping()
  }

  function passOn() {
    note()
    controller.abort()
  }

  function end() {
    process.off('SIGINT', note).off('SIGTERM', passOn).off('SIGHUP', passOn)
  }
}

/** What an update would do. */
export async function preview(stack: Stack, scope: Scope = {}): Promise<Change[]> {
  const changes: Change[] = []
  const errors: Error[] = []
  try {
    await stack.preview({
      ...scope,
      onEvent(event) {
        const { metadata } = event.resourcePreEvent ?? {}
        if (metadata && isChange(metadata)) changes.push(changeOf(metadata))
        errors.push(...errorsOf(event, stack.name))
      },
    })
  } catch (error) {
    throw errors[0] ?? explainPulumi(error)
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

const verbs: Partial<Record<Change['operation'], [doing: string, done: string]>> = {
  create: ['creating', 'created'],
  update: ['updating', 'updated'],
  delete: ['deleting', 'deleted'],
  'create-replacement': ['creating the new', 'created the new'],
  'delete-replaced': ['deleting the old', 'deleted the old'],
  read: ['reading', 'read'],
  keep: ['keeping', 'kept'],
}

/** A replacement appears as its two halves. */
function isChange({ op, type }: Metadata): boolean {
  return Object.hasOwn(verbs, op) && !type.startsWith('pulumi:')
}

function changeOf({ op, urn, type, old, new: next }: Metadata): Change {
  const isKept = op.startsWith('delete') && old?.retainOnDelete
  const change = {
    operation: isKept ? 'keep' : op,
    what: `${shortType(type)} ${nameOf(urn)}`,
  } as const
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

/** Each with the engine's own words as its cause. */
function errorsOf({ diagnosticEvent }: EngineEvent, stack: string): Error[] {
  const { severity, message = '', urn = '' } = diagnosticEvent ?? {}
  const reason = readableReason(message, stack)
  if (severity !== 'error' || /^(update|preview|destroy) failed/.test(reason)) return []
  const type = urn.split('::')[2] ?? ''
  const isOfStack = type === '' || type.startsWith('pulumi:')
  const line = isOfStack ? reason : `${shortType(type)} ${nameOf(urn)}: ${reason}`
  return [new Error(line, { cause: message })]
}

/** Prints a line for each change that is done, and below them what is in progress. */
function followResources(stack: string) {
  const live = createLive()
  const pending = new Map<string, number>()
  const errors: Error[] = []
  live.show('Pulumi is starting; the first time it downloads its AWS provider')

  return { hear, errors, sayStopping, end: live.end }

  function hear(event: EngineEvent) {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent } = event
    if (resourcePreEvent && isChange(resourcePreEvent.metadata)) start(resourcePreEvent.metadata)
    if (resOutputsEvent && isChange(resOutputsEvent.metadata))
      finish(resOutputsEvent.metadata, true)
    if (resOpFailedEvent) finish(resOpFailedEvent.metadata, false)
    errors.push(...errorsOf(event, stack))
    const { severity, message = '', ephemeral } = event.diagnosticEvent ?? {}
    const isNews = severity === 'info' || severity === 'warning'
    if (isNews && !ephemeral) live.print(`  ${readableReason(message)}`)
  }

  function sayStopping() {
    const under = pending.size > 0 ? ` (${[...pending.keys()].join(', ')})` : ''
    live.print(`Stopping after what is under way${under}; again leaves it half-done`)
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
    return `${verbs[operation]?.[tense] ?? operation} ${what}`
  }

  function showPending() {
    const [first = 'working', ...others] = pending.keys()
    live.show(others.length === 0 ? first : `${first}, and ${others.length} more`)
  }
}
