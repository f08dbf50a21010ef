import { readFileSync } from 'node:fs'

/** Key and certificate, if the peer is to speak HTTPS too. */
export function readTls() {
  const { TLS_FILE } = process.env
  if (!TLS_FILE) return undefined
  const pem = readFileSync(TLS_FILE)
  return { key: pem, cert: pem }
}
