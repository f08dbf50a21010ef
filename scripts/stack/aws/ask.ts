/** Where a stack is, and as whom. */
export interface Place {
  region: string
  /** Of ~/.aws, where the stack has its own. */
  profile: string | undefined
}

/** All pages of an answer. */
export async function collect<Page>(pages: AsyncIterable<Page>): Promise<Page[]> {
  const all: Page[] = []
  for await (const page of pages) all.push(page)
  return all
}

/** What AWS answers. @throws {Error} one line that tells what is wrong, and the cure */
export async function ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return answer.catch((error) => {
    throw explain(error)
  })
}

/** The same, but undefined if nobody here may ask that. */
export async function askIfAllowed<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  return answer.catch((error) => {
    if (isDenial(error)) return undefined
    throw explain(error)
  })
}

function isDenial({ name }: Error): boolean {
  return /Unauthorized|AccessDenied/.test(name)
}

const cures: [problem: RegExp, told: string][] = [
  [
    /CredentialsProviderError|NoCredentials|TokenProviderError/,
    'There are no AWS credentials here: aws configure, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
  [/Expired/, 'The AWS credentials have expired: aws sso login, or renew them as you got them'],
  [
    /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|AuthFailure|InvalidAccessKeyId/,
    'AWS does not accept the credentials here: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
]

export function explain(error: Error): Error {
  const { name, message } = error
  const told = cures.find(([problem]) => problem.test(name))?.[1]
  if (told) return new Error(told, { cause: error })
  if (isDenial(error)) {
    return new Error(`AWS does not allow it: ${message}: ask for that permission`, { cause: error })
  }
  return new Error(`AWS cannot be asked: ${message || name}: try again`, { cause: error })
}
