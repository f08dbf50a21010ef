import assert from 'node:assert/strict'

interface Problem {
  type: string
  title: string
  status: number
  detail: string
  errors?: { field: string; detail: string }[]
}

type Headers = Record<string, string>

export function send(
  method: string,
  url: string,
  body?: string | Buffer,
  headers: Headers = {},
): Promise<Response> {
  return fetch(url, { method, headers, body: body as BodyInit })
}

export function sendJson(
  method: string,
  url: string,
  value: unknown,
  headers: Headers = {},
): Promise<Response> {
  const type = { 'content-type': 'application/json' }
  return send(method, url, JSON.stringify(value), { ...type, ...headers })
}

export async function getJson<Value>(url: string, headers: Headers = {}): Promise<Value> {
  const response = await fetch(url, { headers })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  return (await response.json()) as Value
}

/** Holds an answer to the form of all errors: short, of one type, and without our insides. */
export async function expectProblem(
  response: Response,
  status: number,
  detail: RegExp,
): Promise<Problem> {
  const body = await response.text()
  assert.equal(response.status, status, body)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  const problem: Problem = JSON.parse(body)
  assert.equal(problem.status, status)
  assert.equal(problem.type, 'about:blank')
  assert.match(problem.title, /^[A-Z]/)
  assert.match(problem.detail, detail)
  assert.ok(body.length < 2000, `a problem of ${body.length} bytes`)
  assert.doesNotMatch(body, /\.ts:|node_modules|SQLITE_|\\n {4}at /)
  return problem
}

/** The same, and that it names the field at fault. */
export async function expectFieldProblem(response: Response, field: string, detail: RegExp) {
  const { errors } = await expectProblem(response, 400, detail)
  assert.deepEqual(
    errors?.map((error) => error.field),
    [field],
  )
}

export async function expectAlive(url: string) {
  const response = await fetch(`${url}/healthz`)
  assert.equal(response.status, 200, await response.text())
}

/** What stands behind "The saved string is" in the page's only heading, still escaped. */
export async function readHeading(url: string): Promise<string> {
  const page = await (await fetch(url)).text()
  const headings = [...page.matchAll(/<h1>The saved string is (.*?)<\/h1>/gs)]
  assert.equal(headings.length, 1)
  return headings[0]?.[1] as string
}
