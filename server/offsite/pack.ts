import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  read,
  rmSync,
  write,
} from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { Digest } from './digest.ts'
import { type Contents, differenceFrom } from './record.ts'
import { run, type Server } from './server.ts'

// A window of 2 MB, so that packing and unpacking need little memory.
const windowLog = 21
const lineLimitBytes = 64 * 1024

export interface Archive {
  contents: Contents
  bytes: number
  sha256: string
  read: () => Readable
  close: () => void
}

/** Copies the database and compresses the copy; undefined if its SHA-256 is `known`. */
export async function packDatabase(server: Server, known = ''): Promise<Archive | undefined> {
  const { output, end, input } = run(server, ['export', known])
  input.end()
  const contents: Contents = JSON.parse((await readLine(output)) || 'null')
  if (contents === null || contents.sha256 === known) {
    output.resume()
    await end()
    return undefined
  }
  const file = openTemporary(server.dataDir)
  try {
    const [raw, packed] = [new Digest(), new Digest()]
    const target = createWriteStream('', { fd: file, fs: { write, close: keepOpen } })
    await pipeline(output, raw, compress(), packed, target)
    await end()
    const found = { ...contents, bytes: raw.bytes, sha256: raw.sha256() }
    const difference = differenceFrom(contents, found)
    if (difference) throw new Error(`The copy is not what the server announced: ${difference}`)
    return {
      contents,
      bytes: packed.bytes,
      sha256: packed.sha256(),
      read: () => createReadStream('', { fd: file, start: 0, fs: { read, close: keepOpen } }),
      close: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function compress() {
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_checksumFlag } = constants
  const params = {
    [ZSTD_c_compressionLevel]: 3,
    [ZSTD_c_windowLog]: windowLog,
    [ZSTD_c_checksumFlag]: 1,
  }
  return createZstdCompress({ params })
}

/** Refuses archives that would need more memory than ours do. */
export function decompress() {
  return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: windowLog } })
}

/** Without a name, the file is gone when it is closed, whatever happens. */
function openTemporary(folder: string): number {
  const path = join(folder, `.offsite-${randomUUID()}`)
  const file = openSync(path, 'wx+', 0o600)
  rmSync(path)
  return file
}

/** Whatever becomes of a stream, the file stays open until we close it. */
function keepOpen(_file: number, done: (error?: null) => void) {
  done(null)
}

/** The first line of a stream, which then continues after it; '' if it has none. */
async function readLine(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for (let bytes = 0; bytes < lineLimitBytes; ) {
    const chunk: Buffer | null = stream.read()
    if (chunk === null) {
      if (stream.readableEnded) return ''
      await Promise.race([once(stream, 'readable'), once(stream, 'end')])
      continue
    }
    const end = chunk.indexOf('\n')
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
    bytes += chunk.length
    if (end < 0) continue
    stream.unshift(chunk.subarray(end + 1))
    return Buffer.concat(chunks).toString()
  }
  throw new Error('The server announced no copy')
}
