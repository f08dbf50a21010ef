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

export interface Server {
  instance: aws.ec2.Instance
  ip: pulumi.Output<string>
}

/**
 * When a new instance takes an old one's place, it boots while the old one still serves; then the
 * old one drains and stops, the data volume moves, and the address follows.
 */
export function createInstance(config: Config, parts: Parts): Server {
  const { network, dataVolume } = parts
  const instance = launch(config, parts)
  const attachment = new aws.ec2.VolumeAttachment(
    'data',
    {
      instanceId: instance.id,
      volumeId: dataVolume.id,
      // Only a label on Nitro, but the API wants one.
      deviceName: '/dev/sdf',
      stopInstanceBeforeDetaching: true,
    },
    // A volume cannot be at two instances.
    { deleteBeforeReplace: true },
  )
  const address = new aws.ec2.Eip('server', { domain: 'vpc' }, { dependsOn: network.internet })
  new aws.ec2.EipAssociation(
    'server',
    { instanceId: instance.id, allocationId: address.id },
    { deleteBeforeReplace: true, dependsOn: [attachment, network.internet] },
  )
  return { instance, ip: address.publicIp }
}

function launch(config: Config, parts: Parts): aws.ec2.Instance {
  const { machine, network, permissions } = parts
  return new aws.ec2.Instance(
    // An image is of one architecture, and ours is never looked at again: see ignoreChanges.
    `server-${config.architecture}`,
    {
      instanceType: config.instanceType,
      ami: machine.ami,
      subnetId: network.subnet.id,
      vpcSecurityGroupIds: [network.securityGroup.id],
      iamInstanceProfile: permissions.name,
      keyName: createKeyPair(config)?.keyName,
      userDataBase64: userData(config, parts),
      // It is read at the first boot alone.
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
      // A bill with a ceiling: short of credits the server is slow, not expensive.
      creditSpecification: machine.isBurstable ? { cpuCredits: 'standard' } : undefined,
    },
    // Debian publishes images all the time, and each would replace the instance.
    { ignoreChanges: ['ami'] },
  )
}

function createKeyPair({ sshPublicKey }: Config): aws.ec2.KeyPair | undefined {
  if (sshPublicKey === '') return undefined
  return new aws.ec2.KeyPair('admin', { publicKey: sshPublicKey })
}

function userData({ region }: Config, { releases, dataVolume }: Parts): pulumi.Output<string> {
  return pulumi
    .all([releases.bucket.bucket, dataVolume.id])
    .apply(([bucket, volumeId]) => renderUserData({ bucket, region, volumeId }))
    .apply((bytes) => Buffer.from(bytes).toString('base64'))
}
