import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import { renderUserData } from '../../userdata/cloud-config.ts'
import type { Config } from '../config.ts'
import { createKeyPair } from '../instance.ts'
import { debianImage, type Machine } from '../machine.ts'
import type { Releases } from '../releases.ts'
import { tagsOf } from '../tags.ts'
import type { Balancer } from './balancer.ts'
import type { FleetNetwork } from './network.ts'

interface Parts {
  machine: Machine
  network: FleetNetwork
  role: aws.iam.Role
  releases: Releases
  balancer: Balancer
  /** In alarm while a server does not serve. */
  unserved: aws.cloudwatch.MetricAlarm
}

const day = 86_400

/** Longer than the alarm takes, so that it stops a refresh at the first machine that does not serve. */
export const warmupSeconds = 600

/**
 * The machines, spread over the zones. A new release reaches them through desired.json; only changes of
 * the launch template, such as of user data, replace them, one after another. So does age, as a new
 * machine boots from the newest Debian image.
 *
 * AWS replaces a machine that fails EC2's own checks, but not one whose /healthz fails: while DynamoDB
 * is away all of them do, and new ones would not come up either.
 */
export function createGroup(
  config: Config,
  parts: Parts,
  dependsOn: pulumi.Resource[],
): aws.autoscaling.Group {
  const { machines } = config
  const { network, balancer, unserved } = parts
  const template = createTemplate(config, parts)
  // One more than usual while they are replaced.
  const healthy = {
    minHealthyPercentage: 100,
    maxHealthyPercentage: 100 + Math.ceil(100 / machines),
  }
  const group = new aws.autoscaling.Group(
    'servers',
    {
      minSize: machines,
      maxSize: 2 * machines,
      vpcZoneIdentifiers: network.subnets.map(({ id }) => id),
      targetGroupArns: [balancer.targets.arn],
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
      healthCheckType: 'EC2',
      defaultInstanceWarmup: 300,
      maxInstanceLifetime: 7 * day,
      instanceMaintenancePolicy: healthy,
      instanceRefresh: {
        strategy: 'Rolling',
        preferences: {
          ...healthy,
          instanceWarmup: String(warmupSeconds),
          alarmSpecification: { alarms: [unserved.name] },
        },
      },
      tags: tagList(tagsOf(config, 'servers')),
    },
    { dependsOn },
  )
  new aws.autoscaling.Policy('cpu', {
    autoscalingGroupName: group.name,
    policyType: 'TargetTrackingScaling',
    targetTrackingConfiguration: {
      predefinedMetricSpecification: { predefinedMetricType: 'ASGAverageCPUUtilization' },
      targetValue: 50,
    },
  })
  return group
}

function createTemplate(config: Config, { machine, network, role, releases }: Parts) {
  const profile = new aws.iam.InstanceProfile('server', { role: role.name })
  return new aws.ec2.LaunchTemplate('server', {
    imageId: `resolve:ssm:${debianImage(config)}`,
    instanceType: config.instanceType,
    iamInstanceProfile: { arn: profile.arn },
    keyName: createKeyPair(config)?.keyName,
    userData: userData(config, releases),
    networkInterfaces: [
      {
        associatePublicIpAddress: 'true',
        deleteOnTermination: 'true',
        securityGroups: [network.server.id],
      },
    ],
    metadataOptions: {
      httpEndpoint: 'enabled',
      httpTokens: 'required',
      httpPutResponseHopLimit: 1,
    },
    blockDeviceMappings: [
      {
        // The root of Debian's images.
        deviceName: '/dev/xvda',
        ebs: {
          volumeType: 'gp3',
          volumeSize: 8,
          encrypted: 'true',
          deleteOnTermination: 'true',
        },
      },
    ],
    ebsOptimized: 'true',
    // A machine without credits looks idle, so the group would not grow.
    creditSpecification: machine.isBurstable ? { cpuCredits: 'unlimited' } : undefined,
    tagSpecifications: [
      { resourceType: 'instance', tags: tagsOf(config, 'server') },
      { resourceType: 'volume', tags: tagsOf(config, 'root') },
      { resourceType: 'network-interface', tags: tagsOf(config, 'server') },
    ],
  })
}

function userData({ region }: Config, { bucket }: Releases): pulumi.Output<string> {
  return bucket.bucket
    .apply((bucket) => renderUserData({ bucket, region }))
    .apply((bytes) => Buffer.from(bytes).toString('base64'))
}

/** For the group only: machines have their tags from the template. */
function tagList(tags: Record<string, string>) {
  return Object.entries(tags).map(([key, value]) => ({ key, value, propagateAtLaunch: false }))
}
