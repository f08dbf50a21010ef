import { readFile } from 'node:fs/promises'

/** The deploy agent's state of the last deploy. */
export interface DeployState {
  status: 'live' | 'deploying' | 'waiting' | 'rejected'
  desired?: string
  release?: string
  runtime?: string
  reason?: string
  /** After a rejection, the last lines of what did not come up: for those with a token. */
  log?: string[]
  at: string
}

/** `undefined` without a deploy agent, or if its file is unreadable: health must not depend on it. */
export async function readDeployState(file: string | undefined): Promise<DeployState | undefined> {
  if (file === undefined) return undefined
  try {
    return JSON.parse(await readFile(file, 'utf8')) ?? undefined
  } catch {
    return undefined
  }
}
