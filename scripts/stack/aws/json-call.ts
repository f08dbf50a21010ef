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
  place: Place,
  { service, endpoint, path, query }: RestCall,
): Promise<Answer> {
  const response = await send(place, { service, endpoint, method: 'GET', path, query })
  if (response.ok) return (await response.json()) as Answer
  throw new Error(`${service} answered ${response.status}`)
}

/**
 * Calls an action of a service whose client would be one more package.
 * @throws {Error} named as AWS names it
 */
export async function callJson<Answer>(
  place: Place,
  { service, endpoint, version, target, body = {} }: JsonCall,
): Promise<Answer> {
  const headers = { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target }
  const request = { service, endpoint, method: 'POST', path: '/', headers }
  const response = await send(place, { ...request, body: JSON.stringify(body) })
  const answer = await response.json()
  if (response.ok) return answer as Answer
  const { __type = '', message = '' } = answer as Record<string, string>
  throw Object.assign(new Error(message), { name: __type.split('#').at(-1) })
}

interface SignedRequest {
  service: string
  endpoint: string
  method: string
  path: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string
}

/** Signs a request with the place's credentials and sends it. */
export async function send({ region, profile }: Place, request: SignedRequest): Promise<Response> {
  const { service, endpoint, method, path, query = {}, headers = {}, body } = request
  const { credentials, sha256 } = new STSClient({ profile, region }).config
  const url = new URL(path, process.env.AWS_ENDPOINT_URL || endpoint)
  const { protocol, hostname, host } = url
  const signer = new SignatureV4({ service, region, credentials, sha256 })
  const all = { host, ...headers }
  const signed = await signer.sign({ method, protocol, hostname, path, query, headers: all, body })
  url.search = String(new URLSearchParams(query))
  const signal = AbortSignal.timeout(10_000)
  return fetch(url, { method, headers: signed.headers, body, signal })
}
