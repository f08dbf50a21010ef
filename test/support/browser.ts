import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually.ts'
import type { Lifetime } from './lifetime.ts'
import { makeDataDir } from './server.ts'

const found = ['chromium', 'google-chrome'].find((name) => !spawnSync(name, ['--version']).error)

/** What a test needs beside its own machine; for `skip`. */
export const needsBrowser = found === undefined && 'needs chromium'

const quietly = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking']

/** The arguments for a browser of the test's own without a window. */
export function browserArguments(): [command: string, args: string[]] {
  const flags = [...quietly, 'headless', 'no-sandbox', `user-data-dir=${makeDataDir()}`]
  return [found as string, flags.map((flag) => `--${flag}`)]
}

export interface Page {
  /** The value of an expression in the page. */
  evaluate: <Value = unknown>(expression: string) => Promise<Value>
  /** Waits until an expression holds in the page. */
  until: (expression: string) => Promise<void>
  type: (text: string) => Promise<void>
  press: (key: 'Enter' | 'Tab') => Promise<void>
  /** Sends a command of the Chrome DevTools Protocol. */
  command: (method: string, params?: object) => Promise<Record<string, unknown>>
}

/**
 * A page in a real browser, driven over the Chrome DevTools Protocol. Its timers run `hurry` times as
 * fast as the clock, and it trusts the authorities in the database of `home`.
 */
export async function openPage(
  t: Lifetime,
  url: string,
  { width = 800, hurry = 1, home = process.env.HOME } = {},
): Promise<Page> {
  const command = await connect(await startBrowser(t, home), t)
  const source = `{ const wait = setTimeout; setTimeout = (act, ms) => wait(act, ms / ${hurry}) }`
  await command('Page.enable')
  await command('Page.addScriptToEvaluateOnNewDocument', { source })
  await command('Emulation.setDeviceMetricsOverride', {
    ...{ width, height: 700, deviceScaleFactor: 1, mobile: width < 600 },
  })
  await command('Page.navigate', { url })
  await until("document.readyState === 'complete' && location.href !== 'about:blank'")
  return { command, evaluate, until, type, press }

  async function evaluate<Value>(expression: string): Promise<Value> {
    const params = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = await command('Runtime.evaluate', params)
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value: Value }).value
  }

  function until(expression: string) {
    return eventually(() => evaluate<boolean>(expression)).catch((cause) => {
      throw new Error(`Never so: ${expression}`, { cause })
    })
  }

  async function type(text: string) {
    await command('Input.insertText', { text })
  }

  async function press(key: 'Enter' | 'Tab') {
    const code = { Enter: 13, Tab: 9 }[key]
    const text = key === 'Enter' ? '\r' : ''
    const event = { key, code: key, windowsVirtualKeyCode: code, text }
    await command('Input.dispatchKeyEvent', { type: 'keyDown', ...event })
    await command('Input.dispatchKeyEvent', { type: 'keyUp', ...event, text: '' })
  }
}

/** Types into the form that posts to `action`. */
export async function fill(page: Page, action: string, values: Record<string, string>) {
  for (const [name, value] of Object.entries(values)) {
    const field = `document.querySelector('form[action="${action}"] [name=${name}]')`
    await page.evaluate(`${field}.value = ${JSON.stringify(value)}`)
  }
}

export async function submit(page: Page, action: string) {
  await page.evaluate(`document.querySelector('form[action="${action}"] button').click()`)
}

/** Gives the address at which its first tab is driven. */
async function startBrowser(t: Lifetime, home: string | undefined): Promise<string> {
  const [file, args] = browserArguments()
  const browser = spawn(file, [...args, '--remote-debugging-port=0', 'about:blank'], {
    env: { ...process.env, HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(browser, 'exit')
  t.after(async () => {
    browser.kill()
    await ended
  })
  let said = ''
  browser.stderr.on('data', (chunk) => {
    said += chunk
  })
  await eventually(async () => / ws:.*\n/.test(said))
  return tabOf(/ws:\/\/([^/]+)/.exec(said)?.[1] as string)
}

async function tabOf(host: string): Promise<string> {
  const tabs = (await (await fetch(`http://${host}/json/list`)).json()) as Record<string, string>[]
  return tabs.find(({ type }) => type === 'page')?.webSocketDebuggerUrl as string
}

async function connect(address: string, t: Lifetime): Promise<Page['command']> {
  const socket = new WebSocket(address)
  const waiting = new Map<number, (message: Record<string, unknown>) => void>()
  await once(socket, 'open')
  t.after(() => socket.close())
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error } = JSON.parse(data)
    waiting.get(id)?.(result ?? error)
    waiting.delete(id)
  })
  let count = 0
  return (method, params = {}) => {
    count += 1
    socket.send(JSON.stringify({ id: count, method, params }))
    return new Promise((resolve) => waiting.set(count, resolve))
  }
}
