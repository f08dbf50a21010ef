import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Architecture, smallestTypes } from '../../provisioning/config.ts'
import type { Archive } from '../../provisioning/packaging/archive.ts'
import { desired } from '../../provisioning/packaging/desired.ts'
import { renderUserData } from '../../userdata/cloud-config.ts'
import { type FakeMetadata, makeInstance, startMetadata } from '../support/metadata.ts'
import { type FakeS3, startS3 } from '../support/s3.ts'
import { makeCredentials } from '../support/sigv4.ts'
import type { DataDisk } from './data-disk.ts'
import { bucket, prepareImage, region } from './image.ts'
import { createMachine, type Machine, type Ports } from './machine.ts'
import type { Services } from './qemu.ts'

/** The simulated AWS around an instance. */
export interface Aws {
  s3: FakeS3
  metadata: FakeMetadata
  /** Uploads what `pulumi up` would; returns the generation that is now wanted. */
  publish: (deployment: Deployment) => string
  /** Creates an instance with this volume attached. */
  launch: (dataDisk: DataDisk, wiring?: { ports?: Ports; services?: Services }) => Promise<Machine>
  /** The private key of admin; the public one is beside it. */
  keyFile: string
}

export interface Deployment {
  runtime: Archive
  release: Archive
  environment: Record<string, string>
}

export const volumeId = 'vol-0123456789abcdef0'

export async function startAws(
  dir: string,
  architecture: Architecture,
  print: (text: string) => void,
): Promise<Aws> {
  const { image, s3: identity } = prepareImage(architecture, print)
  const keyFile = join(dir, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'boot-test', '-f', keyFile])
  const credentials = makeCredentials()
  // For backups, too, which have other prefixes.
  const s3 = await startS3({ credentials, region, tls: identity.tls, appendOnly: [bucket] })
  const metadata = await startMetadata({
    credentials,
    userData: renderUserData({ bucket, region, volumeId }),
    publicKey: readFileSync(`${keyFile}.pub`, 'utf8').trim(),
  })
  let launched = 0
  return { s3, metadata, publish, launch, keyFile }

  function publish({ runtime, release, environment }: Deployment): string {
    const text = desired({ runtime: runtime.id, release: release.id, environment })
    put(`runtimes/${runtime.id}.tar.zst`, readFileSync(runtime.path))
    put(`releases/${release.id}.tar.zst`, readFileSync(release.path))
    put('desired.json', Buffer.from(text))
    return hash('sha256', text)
  }

  function put(key: string, content: Buffer) {
    s3.objects.set(`${bucket}/${key}`, content)
  }

  function launch(
    dataDisk: DataDisk,
    wiring: { ports?: Ports; services?: Services } = {},
  ): Promise<Machine> {
    launched += 1
    const ownDir = join(dir, `instance-${launched}`)
    mkdirSync(ownDir)
    const { instanceId } = makeInstance()
    const instanceType = smallestTypes[architecture]
    metadata.instance = { ...metadata.instance, instanceId, instanceType, region }
    const { address } = identity
    return createMachine({
      image,
      dir: ownDir,
      dataDisk,
      metadata,
      s3,
      s3Address: address,
      keyFile,
      ...wiring,
    })
  }
}
