import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'fflate'

/** All that user data knows of the stack that it is for. Any change makes a new instance. */
export interface Place {
  bucket: string
  region: string
  /** Of the data volume, such as `vol-0123456789abcdef0`. */
  volumeId: string
}

const units = '/etc/systemd/system'
const library = '/usr/local/lib/onebox'

/** What is on the instance, and the file of this folder that it is. */
export const files: Record<string, string> = {
  [`${library}/converge.sh`]: 'converge.sh',
  [`${library}/data-volume.sh`]: 'data-volume.sh',
  [`${library}/read-json.py`]: 'read-json.py',
  '/usr/local/bin/onebox': 'onebox.sh',
  '/etc/update-motd.d/60-onebox': 'motd.sh',
  [`${units}/onebox.socket`]: 'onebox.socket',
  [`${units}/onebox.service`]: 'onebox.service',
  [`${units}/onebox.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox@.service`]: 'onebox@.service',
  [`${units}/onebox@.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox-backup.service`]: 'onebox-backup.service',
  [`${units}/onebox-backup.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox-backup.timer`]: 'onebox-backup.timer',
  [`${units}/onebox-converge.service`]: 'onebox-converge.service',
  [`${units}/onebox-converge.timer`]: 'onebox-converge.timer',
  [`${units}/onebox-data-volume.service`]: 'onebox-data-volume.service',
  [`${units}/onebox-metadata-guard.service`]: 'onebox-metadata-guard.service',
  '/etc/systemd/journald.conf.d/onebox.conf': 'journald.conf',
  '/etc/ssh/sshd_config.d/10-onebox.conf': 'sshd.conf',
  '/etc/apt/apt.conf.d/60onebox': 'apt.conf',
  '/etc/sysctl.d/60-onebox.conf': 'sysctl.conf',
}

const serviceUser = {
  name: 'onebox',
  system: true,
  shell: '/usr/sbin/nologin',
  no_create_home: true,
  homedir: '/data',
}

const enabled = [
  'onebox.socket',
  'onebox.service',
  'onebox-data-volume.service',
  'onebox-metadata-guard.service',
  'onebox-converge.timer',
  'onebox-backup.timer',
]

// cloud-init takes a step as done once it has begun, so after a power cut in the first boot it
// would leave the rest undone, and what was not yet on the disk empty.
const installed = '/etc/onebox/installed'
const steps = '/var/lib/cloud/instance/sem'

/**
 * User data, compressed by fflate as its bytes are the same on every CPU: Node's zlib differs
 * from one to another, and other bytes would mean another instance.
 */
export function renderUserData(place: Place): Uint8Array {
  return gzipSync(new TextEncoder().encode(cloudConfig(place)), { level: 9, mtime: 0 })
}

/** The text for cloud-init. It is read as YAML, of which JSON is a part. */
export function cloudConfig(place: Place): string {
  const config = {
    bootcmd: [`test -e ${installed} || { rm -rf ${steps}; sed -i /swapfile/d /etc/fstab; }`],
    users: ['default', serviceUser],
    swap: { filename: '/swapfile', size: 512 * 2 ** 20 },
    write_files: [
      { path: '/etc/onebox/instance.env', content: instanceEnv(place) },
      ...Object.entries(files).map(([path, file]) => ({
        path,
        permissions: file.endsWith('.sh') ? '0755' : '0644',
        content: withoutComments(readFileSync(join(import.meta.dirname, file), 'utf8')),
      })),
    ],
    runcmd: [
      [
        'systemctl restart systemd-journald systemd-sysctl',
        `systemctl enable --now --no-block ${enabled.join(' ')}`,
        `sync && touch ${installed}`,
      ].join(' && '),
    ],
  }
  return `#cloud-config\n${JSON.stringify(config)}\n`
}

/** As the room for user data is small. What they explain is in the repository. */
function withoutComments(text: string): string {
  return text.replace(/^ *(#(?!!)|\/\/).*\n/gm, '').replace(/\n+/g, '\n')
}

function instanceEnv({ bucket, region, volumeId }: Place): string {
  return [
    `BUCKET_URL=https://${bucket}.s3.${region}.amazonaws.com`,
    `REGION=${region}`,
    `VOLUME_ID=${volumeId}`,
    '',
  ].join('\n')
}
