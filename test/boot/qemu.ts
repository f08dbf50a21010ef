import { spawnSync } from 'node:child_process'
import type { Architecture } from '../../provisioning/config.ts'
import type { Instance } from '../support/metadata.ts'
import { firmware, type Image } from './image.ts'

interface Wiring {
  image: Image
  instance: Instance
  /** The root disk, a layer over the image. */
  rootFile: string
  consoleFile: string
  memoryMiB: number
  /** Ports of this machine that lead to the instance's services. */
  httpPort: number
  httpsPort: number
  sshPort: number
  /** Ports of this machine that the instance's network leads to. */
  metadataPort: number
  s3Port: number
  s3Address: string
  /** Ports of this machine that port 443 of other addresses in its network leads to. */
  services: Services
}

export type Services = Record<string, number>

/** Where the instance finds the certificate authority. */
export const acmeAddress = '172.31.0.4'
/** Where it finds DynamoDB: as on AWS, at an address that is not private. */
export const dynamodbAddress = '172.32.0.4'

/** The emulator of each architecture, and its machine when nothing accelerates it. */
const emulators = {
  arm64: {
    program: 'qemu-system-aarch64',
    // Without UEFI there is no SMBIOS.
    machine: ['-machine', 'virt,gic-version=3', '-bios', firmware],
    cpu: 'cortex-a72',
    console: 'ttyAMA0',
  },
  x64: {
    program: 'qemu-system-x86_64',
    machine: ['-machine', 'pc'],
    // Debian 12's emulator crashes with richer CPUs.
    cpu: 'qemu64',
    console: 'ttyS0,115200',
  },
} satisfies Record<Architecture, object>

/** The command line of an instance like EC2's, without the data volume. */
export function qemuCommand(wiring: Wiring): string[] {
  const { image, instance, rootFile, consoleFile, memoryMiB } = wiring
  const { program, machine } = emulators[image.architecture]
  const uuid = `ec2${crypto.randomUUID().slice(3)}`
  const options = [
    accelerator(image.architecture),
    machine,
    ['-smp', '2'],
    ['-m', String(memoryMiB)],
    ['-nodefaults'],
    ['-no-user-config'],
    ['-display', 'none'],
    ['-qmp', 'stdio'],
    ['-chardev', `file,id=console,path=${consoleFile},append=on`],
    ['-serial', 'chardev:console'],
    ['-kernel', image.kernel],
    ['-initrd', image.initrd],
    ['-append', kernelParameters(image)],
    // cloud-init recognizes EC2 by these.
    ['-smbios', 'type=0,vendor=Amazon EC2,version=1.0'],
    ['-smbios', smbiosSystem(instance, uuid)],
    ['-smbios', `type=2,manufacturer=Amazon EC2,asset=${instance.instanceId}`],
    ['-smbios', 'type=3,manufacturer=Amazon EC2,asset=Amazon EC2'],
    ['-drive', `if=none,id=root,format=qcow2,file=${rootFile}`],
    ['-device', 'nvme,drive=root,serial=vol00000000000000000'],
    ['-netdev', network(wiring)],
    // The machine does not boot from the network.
    ['-device', `virtio-net-pci,netdev=network,mac=${instance.mac},romfile=`],
    ['-device', 'virtio-rng-pci'],
  ]
  return [program, ...options.flat()]
}

/**
 * Before 8.1, qemu sometimes runs an int3 that the kernel has already replaced while patching itself:
 * https://github.com/ClangBuiltLinux/boot-utils/issues/111. The kernel then panics, and reboots.
 */
function kernelParameters({ architecture, partition }: Image): string {
  const { console } = emulators[architecture]
  return `root=PARTUUID=${partition} ro console=${console} oops=panic panic=-1`
}

function smbiosSystem({ instanceType }: Instance, uuid: string): string {
  return `type=1,manufacturer=Amazon EC2,product=${instanceType},uuid=${uuid},serial=${uuid}`
}

/** Reaches the metadata service, S3 and the services given, and nothing else. */
function network(wiring: Wiring): string {
  const { instance, httpPort, httpsPort, sshPort, metadataPort, s3Port, s3Address } = wiring
  const lead = (address: string, port: number) =>
    `guestfwd=tcp:${address}-cmd:socat - TCP4:127.0.0.1:${port}`
  return [
    'user,id=network,ipv6=off,restrict=on',
    // Wide enough for the addresses of both the instance and the metadata service.
    'net=168.0.0.0/5,host=172.31.0.1,dns=172.31.0.2',
    `dhcpstart=${instance.privateIp}`,
    lead('169.254.169.254:80', metadataPort),
    lead(`${s3Address}:443`, s3Port),
    ...Object.entries(wiring.services).map(([address, port]) => lead(`${address}:443`, port)),
    `hostfwd=tcp:127.0.0.1:${httpPort}-:80`,
    `hostfwd=tcp:127.0.0.1:${httpsPort}-:443`,
    `hostfwd=tcp:127.0.0.1:${sshPort}-:22`,
  ].join(',')
}

function accelerator(architecture: Architecture): string[] {
  const kvm = ['-accel', 'kvm', '-cpu', 'host']
  if (architecture === process.arch && canRun(kvm)) return kvm
  return ['-accel', 'tcg,thread=multi', '-cpu', emulators[architecture].cpu]
}

/** Whether the firmware starts: a /dev/kvm that opens may still not work. */
function canRun(options: string[]): boolean {
  const args = [...options, '-nodefaults', '-display', 'none', '-debugcon', 'stdio']
  const { program } = emulators.x64
  const { stdout } = spawnSync(program, args, { timeout: 3000, killSignal: 'SIGKILL' })
  return stdout?.includes('SeaBIOS') ?? false
}
