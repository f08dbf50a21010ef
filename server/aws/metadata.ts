import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Credentials } from './sign.ts'

/** Asks the metadata service of the instance, with a token; '' if it does not know. */
export async function readMetadata(metadataUrl: string, path: string): Promise<string> {
  const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }
  const token = await ask(`${metadataUrl}/latest/api/token`, 'PUT', ttl)
  const headers = { 'X-aws-ec2-metadata-token': token }
  return ask(`${metadataUrl}/latest/meta-data/${path}`, 'GET', headers)
}

/** The credentials of the instance's role. @throws {Error} if it has none */
export async function readCredentials(metadataUrl: string): Promise<Credentials> {
  const folder = 'iam/security-credentials/'
  const role = await readMetadata(metadataUrl, folder)
  const answer = role && (await readMetadata(metadataUrl, folder + role))
  if (!answer) throw new Error('The metadata service returned no credentials: is the role there?')
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = JSON.parse(answer)
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiresAt: Date.parse(Expiration),
  }
}

function ask(url: string, method: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, timeout: 5000 }, async (response) => {
      const body = await text(response).catch(() => '')
      resolve(response.statusCode === 200 ? body.trim() : '')
    })
    sent.on('timeout', () => sent.destroy(new Error('The metadata service does not answer')))
    sent.on('error', reject)
    sent.end()
  })
}
