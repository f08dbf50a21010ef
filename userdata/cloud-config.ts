import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzip } from 'pako'

/** Everything in user data that depends on the stack. Any change makes a new instance. */
interface Place {
  bucket: string
  region: string
  /** The data volume's, such as `vol-0123456789abcdef0`. Absent for one of several machines. */
  volumeId?: string
}

const units = '/etc/systemd/system'
const library = '/usr/local/lib/onebox'

/** Paths on the instance, each with its file in this folder. */
export const files: Record<string, string> = {
  [`${library}/authorized-keys.sh`]: 'authorized-keys.sh',
  [`${library}/converge.sh`]: 'converge.sh',
  [`${library}/data-volume.sh`]: 'data-volume.sh',
  [`${library}/read-json.py`]: 'read-json.py',
  '/usr/local/bin/onebox': 'onebox.sh',
  '/etc/update-motd.d/60-onebox': 'motd.sh',
  [`${units}/onebox.socket`]: 'onebox.socket',
  [`${units}/onebox-https.socket`]: 'onebox-https.socket',
  [`${units}/onebox.service`]: 'onebox.service',
  [`${units}/onebox.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox-canary.service`]: 'onebox-canary.service',
  [`${units}/onebox-canary.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox-backup.service`]: 'onebox-backup.service',
  [`${units}/onebox-backup.service.d/sandbox.conf`]: 'sandbox.conf',
  [`${units}/onebox-backup.timer`]: 'onebox-backup.timer',
  [`${units}/onebox-converge.service`]: 'onebox-converge.service',
  [`${units}/onebox-certificate.service`]: 'onebox-certificate.service',
  [`${units}/onebox-certificate.timer`]: 'onebox-certificate.timer',
  [`${units}/onebox-offsite.service`]: 'onebox-offsite.service',
  [`${units}/onebox-offsite.timer`]: 'onebox-offsite.timer',
  [`${units}/onebox-data-volume.service`]: 'onebox-data-volume.service',
  [`${units}/onebox-metadata-guard.service`]: 'onebox-metadata-guard.service',
  '/etc/systemd/journald.conf.d/onebox.conf': 'journald.conf',
  '/etc/ssh/sshd_config.d/10-onebox.conf': 'sshd.conf',
  '/etc/apt/apt.conf.d/60onebox': 'apt.conf',
  '/etc/sysctl.d/60-onebox.conf': 'sysctl.conf',
}

/** What one of several machines has no use for: its data is in DynamoDB. */
const onlyOfBox = /\/data-volume\.sh$|onebox-(certificate|backup|offsite)\./

/** The same for one of several machines. */
export const fleetFiles: Record<string, string> = {
  ...Object.fromEntries(Object.entries(files).filter(([path]) => !onlyOfBox.test(path))),
  [`${library}/retry.sh`]: 'fleet/retry.sh',
  [`${library}/spread.sh`]: 'fleet/spread.sh',
  [`${units}/data.mount`]: 'fleet/data.mount',
  [`${units}/onebox-data-volume.service`]: 'fleet/data-volume.service',
  // Later than sandbox.conf, whose settings they change.
  [`${units}/onebox.service.d/server-network.conf`]: 'fleet/network.conf',
  [`${units}/onebox-canary.service.d/server-network.conf`]: 'fleet/network.conf',
  [`${units}/onebox-canary.service.d/spread.conf`]: 'fleet/spread.conf',
  [`${units}/onebox-retry.service`]: 'fleet/retry.service',
  [`${units}/onebox-retry.timer`]: 'fleet/retry.timer',
  [`${units}/onebox-metadata-guard.service.d/fleet.conf`]: 'fleet/metadata-guard.conf',
  '/etc/apt/apt.conf.d/61onebox': 'fleet/apt.conf',
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
  'onebox-https.socket',
  'onebox.service',
  'onebox-data-volume.service',
  'onebox-metadata-guard.service',
  'onebox-converge.service',
  'onebox-certificate.timer',
  'onebox-backup.timer',
  'onebox-offsite.timer',
]

// cloud-init counts a step as done once it has begun. After a power cut during the first boot, it
// would skip the rest and leave files empty that had not reached the disk.
const installed = '/etc/onebox/installed'
const steps = '/var/lib/cloud/instance/sem'

/**
 * User data, compressed. Node's zlib produces different bytes on different CPUs, which would replace
 * the instance; pako's are always the same.
 */
export function renderUserData(place: Place): Uint8Array {
  return gzip(cloudConfig(place), { level: 9 })
}

/** The text for cloud-init, in YAML: files stand in it as they are, which also compresses best. */
export function cloudConfig(place: Place): string {
  const isFleet = place.volumeId === undefined
  const kept = enabled.filter((unit) => !onlyOfBox.test(unit))
  const started = isFleet ? [...kept, 'onebox-retry.timer'] : enabled
  const config = {
    bootcmd: [`test -e ${installed} || { rm -rf ${steps}; sed -i /swapfile/d /etc/fstab; }`],
    users: ['default', serviceUser],
    swap: { filename: '/swapfile', size: 512 * 2 ** 20 },
    runcmd: [
      [
        'systemctl restart systemd-journald systemd-sysctl',
        `systemctl enable --now --no-block ${started.join(' ')}`,
        `sync && touch ${installed}`,
      ].join(' && '),
    ],
  }
  // JSON is a subset of YAML.
  const lines = Object.entries(config).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
  const written = Object.entries(isFleet ? fleetFiles : files).map(([path, file]) =>
    writeFile(path, withoutNotes(readFileSync(join(import.meta.dirname, file), 'utf8'))),
  )
  written.unshift(writeFile('/etc/onebox/instance.env', instanceEnv(place)))
  return `#cloud-config\n${lines.join('')}write_files:\n${written.join('')}`
}

/** Its first line must not begin with a space, which would count as indentation. */
function writeFile(path: string, content: string): string {
  const permissions = content.startsWith('#!') ? " permissions: '0755'\n" : ''
  return `-\n path: ${path}\n${permissions} content: |\n${content.replace(/^(?=.)/gm, '  ')}`
}

/** User data is limited to 16 KB. Comments, and indentation in scripts, are for readers of the repository. */
function withoutNotes(text: string): string {
  const plain = text.replace(/^ *(#(?!!)|\/\/).*\n/gm, '').replace(/\n+/g, '\n')
  return plain.startsWith('#!') ? plain.replace(/^ +/gm, '') : plain
}

function instanceEnv({ bucket, region, volumeId }: Place): string {
  return [
    `BUCKET_URL=https://${bucket}.s3.${region}.amazonaws.com`,
    `REGION=${region}`,
    ...(volumeId === undefined ? [] : [`VOLUME_ID=${volumeId}`]),
    '',
  ].join('\n')
}
