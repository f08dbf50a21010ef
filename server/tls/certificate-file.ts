import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { type Certificate, readCertificate } from './certificate.ts'

// By its status and not by events, which a file that is renamed into place or not there yet has not.
const lookEveryMs = 1000

interface CertificateFileOptions {
  file: string
  /** The names that a new certificate must cover one of; empty for any. */
  wanted: () => string[]
  onRenewed: (certificate: Certificate) => void
  onRefused: (problem: string) => void
}

/** Keeps the last good certificate of a file that is replaced now and then. */
export class CertificateFile {
  readonly #options: CertificateFileOptions
  #current: Certificate | undefined
  #problem: string | undefined

  constructor(options: CertificateFileOptions) {
    this.#options = options
    this.#read()
  }

  get current(): Certificate | undefined {
    return this.#current
  }

  /** What is wrong with the file, or with the certificate that serves. */
  get problem(): string | undefined {
    if (this.#problem !== undefined || this.#current === undefined) return this.#problem
    const { notAfter } = this.#current
    if (notAfter > Date.now()) return undefined
    return `The certificate expired at ${new Date(notAfter).toISOString()}`
  }

  /** Whether a browser that connects to this host now accepts the certificate. */
  isValidFor(host: string): boolean {
    return Date.now() < (this.#current?.notAfter ?? 0) && this.#current?.covers(host) === true
  }

  watch() {
    const options = { interval: lookEveryMs, persistent: false }
    watchFile(this.#options.file, options, () => this.#read())
  }

  close() {
    unwatchFile(this.#options.file)
  }

  #read() {
    try {
      const certificate = readCertificate(readFileSync(this.#options.file, 'utf8'))
      this.#assertWanted(certificate)
      this.#options.onRenewed(certificate)
      this.#current = certificate
      this.#problem = undefined
    } catch (error) {
      this.#problem = explain(error as NodeJS.ErrnoException)
      // Before the first one is there, it is only awaited.
      if (this.#current || !isMissing(error)) this.#options.onRefused(this.#problem)
    }
  }

  #assertWanted({ names, covers }: Certificate) {
    const wanted = this.#options.wanted()
    if (wanted.length === 0 || wanted.some(covers)) return
    throw new Error(`The certificate is for ${names.join(', ')} and not for ${wanted.join(', ')}`)
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function explain(error: NodeJS.ErrnoException): string {
  if (isMissing(error)) return 'There is no certificate file'
  return error.syscall ? `The file cannot be read (${error.code})` : error.message
}
