import { STSClient } from '@aws-sdk/client-sts'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Place } from './call.ts'

interface JsonCall {
  service: string
  endpoint: string
  /** Of AWS's JSON protocol. */
  version: '1.0' | '1.1'
  /** The service's name and the action, such as `AWSFreeTierService.GetAccountPlanState`. */
  target: string
  body?: object
}

interface RestCall {
  service: string
  endpoint: string
  path: string
  query: Record<string, string>
}

/** Reads from a service with a REST API. @throws {Error} if AWS does not answer, or refuses */
export async function getJson<Answer>(
  { region, profile }: Place,
  { service, endpoint, path, query }: RestCall,
): Promise<Answer> {
  const { credentials, sha256 } = new STSClient({ profile, region }).config
  const url = new URL(path, process.env.AWS_ENDPOINT_URL || endpoint)
  const { protocol, hostname, host } = url
  const signer = new SignatureV4({ service, region, credentials, sha256 })
  const { headers } = await signer.sign({
    method: 'GET',
    protocol,
    hostname,
    path,
    query,
    headers: { host },
  })
  url.search = String(new URLSearchParams(query))
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) })
  if (response.ok) return (await response.json()) as Answer
  throw new Error(`${service} answered ${response.status}`)
}

/**
 * Calls an action of a service whose client would be one more package.
 * @throws {Error} named as AWS names it
 */
export async function callJson<Answer>(
  { region, profile }: Place,
  { service, endpoint, version, target, body = {} }: JsonCall,
): Promise<Answer> {
  const { credentials, sha256 } = new STSClient({ profile, region }).config
  const url = new URL(process.env.AWS_ENDPOINT_URL || endpoint)
  const signer = new SignatureV4({ service, region, credentials, sha256 })
  const request = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: {
      host: url.host,
      'content-type': `application/x-amz-json-${version}`,
      'x-amz-target': target,
    },
    body: JSON.stringify(body),
  })
  const { headers } = request
  const signal = AbortSignal.timeout(10_000)
  const response = await fetch(url, { method: 'POST', headers, body: request.body, signal })
  const answer = await response.json()
  if (response.ok) return answer as Answer
  const { __type = '', message = '' } = answer as Record<string, string>
  throw Object.assign(new Error(message), { name: __type.split('#').at(-1) })
}
