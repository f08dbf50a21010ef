type Text = string | string[]

interface Statement {
  Effect: 'Allow' | 'Deny'
  Action: Text
  Resource: Text
  Condition?: Record<string, Record<string, Text>>
}

export interface Policy {
  Statement: Statement[]
}

interface Request {
  action: string
  resource: string
  /** The condition keys that the request has. */
  context?: Record<string, string>
}

/** Tests of the conditions that our policies use; an absent key is undefined. */
const operators: Record<string, (actual: string | undefined, wanted: string) => boolean> = {
  StringEquals: (actual, wanted) => actual === wanted,
  Bool: (actual, wanted) => actual === wanted,
  Null: (actual, wanted) => String(actual === undefined) === wanted,
}

/**
 * What AWS decides about a request within one account: an explicit denial wins, then any permission
 * of the identity's policies or the resource's, else no.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function isAllowed(policies: Policy[], request: Request): boolean {
  const matching = policies
    .flatMap(({ Statement }) => Statement)
    .filter((statement) => matches(statement, request))
  const isDenied = matching.some(({ Effect }) => Effect === 'Deny')
  return !isDenied && matching.some(({ Effect }) => Effect === 'Allow')
}

function matches({ Action, Resource, Condition = {} }: Statement, request: Request): boolean {
  return (
    [Action].flat().some((pattern) => isLike(request.action, pattern)) &&
    [Resource].flat().some((pattern) => isLike(request.resource, pattern)) &&
    Object.entries(Condition).every(([operator, keys]) => holds(operator, keys, request.context))
  )
}

function holds(operator: string, keys: Record<string, Text>, context: Request['context'] = {}) {
  const test = operators[operator]
  if (test === undefined) throw new Error(`The test does not know the condition ${operator}`)
  return Object.entries(keys).every(([key, wanted]) =>
    [wanted].flat().some((each) => test(context[key], each)),
  )
}

function isLike(text: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
}
