import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: string | undefined
  /** Decides over which connection it goes. */
  agent?: Agent | undefined
  timeoutMs?: number
}

export interface Response {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

/** There is no answer, or only a part of one. */
export class Unanswered extends Error {}

const answerLimit = 8 * 2 ** 20

/** One connection, which stays open from request to request. */
export function createConnection(url: string): Agent {
  const options = { keepAlive: true, maxSockets: 1 }
  return url.startsWith('https:') ? new HttpsAgent(options) : new Agent(options)
}

/**
 * One request, its whole answer and no more: no redirect is followed and nothing tried again, as
 * what is asked here is how this very address answers.
 * @throws {Unanswered} saying why in a few words
 */
export async function request(url: string, options: RequestOptions = {}): Promise<Response> {
  const { body, timeoutMs = 10_000, ...rest } = options
  const signal = AbortSignal.timeout(timeoutMs)
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  try {
    return await new Promise<Response>((resolve, reject) => {
      const sent = send(url, { ...rest, signal }, (incoming) =>
        read(incoming).then(resolve, reject),
      )
      sent.on('error', reject)
      sent.end(body)
    })
  } catch (error) {
    if (signal.aborted) throw new Unanswered(`no answer within ${timeoutMs / 1000} s`)
    const { code, message } = error as NodeJS.ErrnoException
    throw new Unanswered(code ?? message, { cause: error })
  }
}

async function read(incoming: IncomingMessage): Promise<Response> {
  let text = ''
  incoming.setEncoding('utf8')
  for await (const chunk of incoming) {
    text += chunk
    if (text.length > answerLimit) throw new Error('an answer of over 8 MiB')
  }
  return { status: incoming.statusCode as number, headers: incoming.headers, text }
}

/** The fields of a JSON object; none where it is something else. */
// biome-ignore lint/suspicious/noExplicitAny: what a server sends can be anything
export function fieldsOf(text: string): Record<string, any> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
