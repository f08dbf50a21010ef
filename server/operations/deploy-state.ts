import { readFile } from 'node:fs/promises'

/** What the agent that deploys says of its last deploy. */
export interface DeployState {
  status: 'live' | 'deploying' | 'waiting' | 'rejected'
  desired?: string
  release?: string
  runtime?: string
  reason?: string
  at: string
}

/** `undefined` where nothing deploys to here, or its file cannot be read: health must not depend on it. */
export async function readDeployState(file: string | undefined): Promise<DeployState | undefined> {
  if (file === undefined) return undefined
  try {
    return JSON.parse(await readFile(file, 'utf8')) ?? undefined
  } catch {
    return undefined
  }
}
