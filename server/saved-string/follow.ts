import type { Writable } from 'node:stream'
import { tryLater } from '../http/http-error.ts'
import { headersOf, type Reply } from '../http/reply.ts'
import type { SavedString, SavedStringStore } from './store.ts'

const heartbeatMs = 15_000
// nginx would buffer the events.
const headers = [...headersOf('text/event-stream', 'no-store'), 'X-Accel-Buffering', 'no']

export type Follow = ReturnType<typeof createFollow>

/**
 * Streams changes to browsers, whichever process made them: each process polls the store, and
 * only while there are streams.
 */
export function createFollow(store: SavedStringStore, limit: number) {
  const streams = new Set<Writable>()
  let shown: SavedString | undefined
  let poll: NodeJS.Timeout | undefined
  let heartbeat: NodeJS.Timeout | undefined
  let ended = false

  return { reply, count: () => streams.size, end }

  /** A stream of the string, now and after every change. @throws {HttpError} 503 over the limit */
  function reply(): Reply {
    if (streams.size >= limit || ended) {
      throw tryLater(503, 'Too many browsers are following the string: reload the page instead', 5)
    }
    return { status: 200, headers, stream: add }
  }

  function add(response: Writable) {
    response.write('retry: 1000\n')
    if (streams.size === 0) start()
    streams.add(response)
    response.on('close', () => remove(response))
    store.current().then(greet, () => response.destroy())

    function greet(current: SavedString) {
      shown ??= current
      if (!response.writableEnded) response.write(eventOf(current))
    }
  }

  function remove(response: Writable) {
    streams.delete(response)
    if (streams.size === 0) stop()
  }

  function start() {
    // A failed poll costs nothing: the next one finds the change.
    poll = setInterval(() => store.current().then(sendChange, () => {}), store.pollMs)
    heartbeat = setInterval(() => send('event: heartbeat\ndata:\n\n'), heartbeatMs)
  }

  function stop() {
    shown = undefined
    clearInterval(poll)
    clearInterval(heartbeat)
  }

  function sendChange(current: SavedString) {
    if (current !== shown) send(eventOf(current))
    shown = current
  }

  // A client that has not read the last event is too slow: it may reconnect for the latest string.
  function send(event: string) {
    for (const response of streams) {
      if (response.writableNeedDrain) response.destroy()
      else response.write(event)
    }
  }

  /** Ends every stream; browsers reconnect by themselves, to another process. */
  function end() {
    ended = true
    stop()
    for (const response of streams) response.end()
    // A poll may be under way.
    streams.clear()
  }
}

function eventOf({ value }: SavedString): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
