import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Puts an executable of that name into a folder, which runs a TypeScript file. */
function installProgram(folder: string, name: string, file: string) {
  mkdirSync(folder, { recursive: true })
  const script = `#!/bin/sh\nexec "${process.execPath}" "${file}" "$@"\n`
  writeFileSync(join(folder, name), script, { mode: 0o755 })
}

/**
 * Puts a `pulumi` into a folder that does for the Automation API what the real one does, on a cloud
 * that only exists in its state.
 *
 * Whoever sets FAKE_CLOUD_URL for it is that cloud:
 * - `GET /outputs`: JSON, what resources get besides their inputs, by type, such as
 *   `{"aws:ec2/eip:Eip": {"publicIp": "127.0.0.1:8080"}}`, and what it answers to questions, such as
 *   `aws:ssm/getParameter:getParameter`; read once for each update.
 * - `POST /apply` with a `Step` as JSON, before each change of a resource, which waits for the
 *   answer: 200, or another status with the error as AWS would tell it.
 * - `POST /read` with `{resource}`, where it is refreshed: 200 if it is there, another status if not.
 */
export function installPulumi(folder: string) {
  installProgram(folder, 'pulumi', resolve(import.meta.dirname, 'main.ts'))
}
