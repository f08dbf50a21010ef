import { execFileSync, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Architecture } from '../../provisioning/config.ts'

/** The files that a machine boots from. */
export interface Image {
  architecture: Architecture
  disk: string
  kernel: string
  initrd: string
  /** The PARTUUID of the root. */
  partition: string
}

/** The S3 that the image trusts as AWS's. */
interface S3Identity {
  host: string
  /** Its address in the machine's network. */
  address: string
  tls: { key: string; cert: string }
}

export const region = 'eu-west-1'
export const bucket = 'onebox-boot-test'
const s3 = { host: `${bucket}.s3.${region}.amazonaws.com`, address: '172.31.0.3' }
const partition = '5f0a5b0c-6a1e-4a53-9d0b-4d3a2a6f9b11'
/** UEFI for arm64. */
export const firmware = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'
const recipe = join(import.meta.dirname, 'root.sh')
const buildLimitMs = 30 * 60_000

const packageOf = {
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  socat: 'socat',
  sfdisk: 'fdisk',
  mke2fs: 'e2fsprogs',
  openssl: 'openssl',
  ssh: 'openssh-client',
}

/** Debian's name of each architecture, and the tools that only its machines need. */
const debian = {
  arm64: {
    name: 'arm64',
    packageOf: {
      'arch-test': 'arch-test',
      'qemu-aarch64-static': 'qemu-user-static',
      'qemu-system-aarch64': 'qemu-system-arm',
      [firmware]: 'qemu-efi-aarch64',
    },
  },
  x64: { name: 'amd64', packageOf: { 'qemu-system-x86_64': 'qemu-system-x86' } },
} satisfies Record<Architecture, { name: string; packageOf: Record<string, string> }>

/**
 * Returns the Debian 13 image that all instances of the test start from. Builds it if it is missing or
 * its recipe has changed.
 * @throws {Error} naming missing tools and how to install them
 */
export function prepareImage(
  architecture: Architecture,
  print: (text: string) => void,
): { image: Image; s3: S3Identity } {
  checkTools(architecture)
  const mirrors = findMirrors()
  const { name } = debian[architecture]
  const args = [name, mirrors.main, mirrors.security, partition, s3.host, s3.address]
  const key = hash('sha256', readFileSync(recipe, 'utf8') + args).slice(0, 16)
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'onebox/boot')
  const dir = join(cache, key)
  if (!existsSync(dir)) {
    print(`Building a Debian 13 image for ${name} like that on EC2, and keeping it for later runs`)
    build(dir, args)
  }
  const file = (path: string) => join(dir, path)
  const read = (path: string) => readFileSync(file(path), 'utf8')
  return {
    image: {
      architecture,
      disk: file('disk.raw'),
      kernel: file('vmlinuz'),
      initrd: file('initrd'),
      partition,
    },
    s3: { ...s3, tls: { key: read('s3.key'), cert: read('s3.crt') } },
  }
}

function checkTools(architecture: Architecture) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('The boot test only runs on Linux on x86-64: use a Debian machine')
  }
  const needed = Object.entries({ ...packageOf, ...debian[architecture].packageOf })
  const missing = needed.filter(([tool]) => !isInstalled(tool))
  if (missing.length === 0) return
  const tools = missing.map(([tool]) => tool).join(', ')
  const packages = missing.map(([, name]) => name).join(' ')
  throw new Error(`The boot test needs ${tools}: apt-get install --yes ${packages}`)
}

function isInstalled(tool: string): boolean {
  return existsSync(tool) || spawnSync('which', [tool]).status === 0
}

/** The mirror of this machine's apt, or else Debian's. */
function findMirrors() {
  const format = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']
  const { stdout = '' } = spawnSync('apt-get', format, { encoding: 'utf8' })
  const addresses = stdout.split('\n')
  const find = (name: string) =>
    addresses.find((address) => address.endsWith(`/${name}/`)) ?? `http://deb.debian.org/${name}/`
  return { main: find('debian'), security: find('debian-security') }
}

function build(dir: string, args: string[]) {
  if (process.getuid?.() !== 0)
    throw new Error('Building the Debian image needs root: run it with sudo')
  const draft = `${dir}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  try {
    execFileSync(recipe, [draft, ...args], { stdio: 'inherit', timeout: buildLimitMs })
    renameSync(draft, dir)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}
