import { createHash } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Replaces a file at one stroke, which also survives a power cut. */
export function writeFileDurably(path: string, content: string, mode: number) {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  const file = openSync(draft, 'wx', mode)
  try {
    // Whatever the umask.
    fchmodSync(file, mode)
    writeFileSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
  syncFolder(dirname(path))
}

function syncFolder(path: string) {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** `undefined` if there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** `undefined` if there is none, or it is not JSON. */
export function readJson<Value>(path: string): Value | undefined {
  try {
    return JSON.parse(readText(path) ?? '') ?? undefined
  } catch {
    return undefined
  }
}

const chunkBytes = 2 ** 20

/** Of any size, as no more than a part of it is in memory. */
export function sha256Of(path: string): string {
  const digest = createHash('sha256')
  const chunk = Buffer.alloc(chunkBytes)
  const file = openSync(path, 'r')
  try {
    for (let count = 1; count > 0; ) {
      count = readSync(file, chunk)
      digest.update(chunk.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
  return digest.digest('hex')
}
