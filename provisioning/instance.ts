import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { renderUserData } from '../userdata/cloud-config.ts'
import type { Config } from './config.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Releases } from './releases.ts'
import { tagsOf } from './tags.ts'

interface Parts {
  machine: Machine
  network: Network
  dataVolume: aws.ebs.Volume
  releases: Releases
  permissions: aws.iam.InstanceProfile
}

export interface Instance {
  id: pulumi.Output<string>
  ip: pulumi.Output<string>
}

/**
 * A replacement boots while the old instance still serves. Then the old one drains and stops, the data
 * volume moves, and the address follows.
 */
export function createInstance(config: Config, parts: Parts): Instance {
  const { network, dataVolume } = parts
  const instance = launch(config, parts)
  const attachment = new aws.ec2.VolumeAttachment(
    'data',
    {
      instanceId: instance.id,
      volumeId: dataVolume.id,
      // Only a label on Nitro, but the API requires one.
      deviceName: '/dev/sdf',
      stopInstanceBeforeDetaching: true,
    },
    // A volume can be attached to only one instance.
    { deleteBeforeReplace: true },
  )
  const address = new aws.ec2.Eip('server', { domain: 'vpc' }, { dependsOn: network.internet })
  new aws.ec2.EipAssociation(
    'server',
    { instanceId: instance.id, allocationId: address.id },
    { deleteBeforeReplace: true, dependsOn: [attachment, network.internet] },
  )
  return { id: instance.id, ip: address.publicIp }
}

function launch(config: Config, parts: Parts): aws.ec2.Instance {
  const { machine, network, permissions } = parts
  return new aws.ec2.Instance(
    // The image is for one architecture and ignores changes, so a new architecture needs a new name.
    `server-${config.architecture}`,
    {
      instanceType: config.instanceType,
      ami: machine.ami,
      subnetId: network.subnet.id,
      vpcSecurityGroupIds: [network.securityGroup.id],
      iamInstanceProfile: permissions.name,
      keyName: createKeyPair(config)?.keyName,
      userDataBase64: userData(config, parts),
      // It is only read at the first boot.
      userDataReplaceOnChange: true,
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        httpPutResponseHopLimit: 1,
      },
      rootBlockDevice: {
        volumeType: 'gp3',
        volumeSize: 8,
        encrypted: true,
        tags: tagsOf(config, 'root'),
      },
      ebsOptimized: true,
      // Limits the bill: without credits the server gets slow, not expensive.
      creditSpecification: machine.isBurstable ? { cpuCredits: 'standard' } : undefined,
    },
    // Debian publishes images often, and each would replace the instance.
    { ignoreChanges: ['ami'] },
  )
}

export function createKeyPair({ sshPublicKey }: Config): aws.ec2.KeyPair | undefined {
  if (sshPublicKey === '') return undefined
  return new aws.ec2.KeyPair('admin', { publicKey: sshPublicKey })
}

function userData({ region }: Config, { releases, dataVolume }: Parts): pulumi.Output<string> {
  return pulumi
    .all([releases.bucket.bucket, dataVolume.id])
    .apply(([bucket, volumeId]) => renderUserData({ bucket, region, volumeId }))
    .apply((bytes) => Buffer.from(bytes).toString('base64'))
}
