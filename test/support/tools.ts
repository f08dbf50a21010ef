import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The programs that some tests need and npm does not bring, each with its Debian package. */
export const packages: Record<string, string> = {
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu',
  apache2: 'apache2',
  bash: 'bash',
  blkid: 'util-linux',
  caddy: 'caddy',
  certutil: 'libnss3-tools',
  chromium: 'chromium',
  curl: 'curl',
  dumpe2fs: 'e2fsprogs',
  flock: 'util-linux',
  haproxy: 'haproxy',
  mkfifo: 'coreutils',
  'mkfs.ext4': 'e2fsprogs',
  mkswap: 'util-linux',
  nginx: 'nginx',
  openssl: 'openssl',
  pebble: 'pebble',
  promtool: 'prometheus',
  python3: 'python3',
  'qemu-aarch64-static': 'qemu-user-static',
  'qemu-io': 'qemu-utils',
  resize2fs: 'e2fsprogs',
  script: 'bsdutils',
  shellcheck: 'shellcheck',
  'ssh-keygen': 'openssh-client',
  'systemd-analyze': 'systemd',
  tar: 'tar',
  'x86_64-linux-gnu-gcc': 'gcc',
  zstd: 'zstd',
}

/** The PATH of this process, and where an ordinary user's lacks what root's has. */
export const toolPath = `${process.env.PATH}:/usr/sbin:/sbin`

/** A reason to skip a test, such as `needs curl, zstd`, unless all these programs are here. */
export function needs(...tools: (keyof typeof packages)[]): string | false {
  const lacking = tools.filter((tool) => !isHere(tool))
  return lacking.length > 0 && `needs ${lacking.join(', ')}`
}

/** The same for a program that Debian does not have. */
export function needsFrom(tool: string, cure: string): string | false {
  return !isHere(tool) && `needs ${tool} (${cure})`
}

function isHere(tool: string): boolean {
  return toolPath.split(':').some((folder) => existsSync(join(folder, tool)))
}
