import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HttpError } from '../http/http-error.ts'
import type { Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { acmeFiles, isChallengeToken } from './acme-folder.ts'

const headers = ['Content-Type', 'application/octet-stream', 'Cache-Control', 'no-store']

/** Answers the certificate authority with what the ACME client put into its folder (RFC 8555, 8.3). */
export function createChallengeHandlers(acmeDir: string | undefined) {
  return {
    async get({ parameter: token }: HttpRequest): Promise<Reply> {
      if (acmeDir !== undefined && isChallengeToken(token)) {
        const file = join(acmeFiles(acmeDir).challenges, token)
        const body = await readFile(file, 'latin1').catch(() => undefined)
        if (body !== undefined) return { status: 200, headers, body }
      }
      throw new HttpError(404, 'There is no such challenge')
    },
  }
}
