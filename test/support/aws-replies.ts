/** What AWS answers, in the older query protocol that EC2 speaks and the one of STS. */
export interface Reply {
  status: number
  /** Bytes are sent as they are. */
  body: string | Buffer
}

export const requestId = '59dbff89-35bd-4eac-99ed-be587EXAMPLE'

export function ec2(action: string, content: string): Reply {
  const namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/'
  const body = `<${action}Response xmlns="${namespace}">
    <requestId>${requestId}</requestId>${content}
  </${action}Response>`
  return { status: 200, body }
}

export function refuse(service: string, status: number, code: string, message: string): Reply {
  const error = `<Code>${code}</Code><Message>${message}</Message>`
  if (service === 's3') return { status, body: `<Error>${error}</Error>` }
  const body =
    service === 'ec2'
      ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
      : `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  return { status, body }
}

/** Every value of a filter, by its name. */
export function filtersOf(parameters: URLSearchParams): Map<string, string[]> {
  const filters = new Map<string, string[]>()
  for (const [key, name] of parameters) {
    const [, number] = /^Filter\.(\d+)\.Name$/.exec(key) ?? []
    if (number) filters.set(name, listOf(parameters, `Filter.${number}.Value`))
  }
  return filters
}

/** The values of `name.1`, `name.2` and so on. */
export function listOf(parameters: URLSearchParams, name: string): string[] {
  return [...parameters].filter(([key]) => key.startsWith(`${name}.`)).map(([, value]) => value)
}
