/** The region of a stack, and the credentials for it. */
export interface Place {
  region: string
  /** A profile in ~/.aws, if the stack has its own. */
  profile: string | undefined
}

/** All pages of an answer. */
export async function collect<Page>(pages: AsyncIterable<Page>): Promise<Page[]> {
  const all: Page[] = []
  for await (const page of pages) all.push(page)
  return all
}

/** What AWS answers. @throws {Error} one line that names what is wrong, and the cure */
export async function call<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return answer.catch((error) => {
    throw explain(error)
  })
}

/** The same, but undefined without the permission. */
export async function callIfAllowed<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  return answer.catch((error) => {
    if (isDenial(error)) return undefined
    throw explain(error)
  })
}

function isDenial({ name }: Error): boolean {
  return /Unauthorized|AccessDenied/.test(name)
}

const cures: [problem: RegExp, message: string][] = [
  [
    /CredentialsProviderError|NoCredentials|TokenProviderError/,
    'No AWS credentials: run aws configure, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
  [/Expired/, 'The AWS credentials have expired: run aws sso login, or renew them'],
  [
    /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|AuthFailure|InvalidAccessKeyId/,
    'AWS rejects the credentials: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
]

function explain(error: Error): Error {
  const { name, message } = error
  const known = cures.find(([problem]) => problem.test(name))?.[1]
  if (known) return new Error(known, { cause: error })
  if (isDenial(error)) {
    return new Error(`AWS denies this: ${message}: ask for the permission`, { cause: error })
  }
  return new Error(`The call to AWS failed: ${message || name}: try again`, { cause: error })
}
