import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { type Resource, type Run, runProgram } from '../support/engine.ts'
import type { Properties } from '../support/properties.ts'

export const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5IHRlc3Rz'
export const madeToken = 'MadeAtFirstMadeAtFirstMadeAtFirstMadeAtF'

/** What the account encrypts new disks with. */
export const diskKey = 'arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d'

/** Subjects as GitHub writes them for a repository with ids, by role. */
export const pipelineSubjects = {
  preview: 'repo:you@1234/onebox@5678:pull_request',
  release: 'repo:you@1234/onebox@5678:environment:dev',
  infrastructure: 'repo:you@1234/onebox@5678:environment:dev-infrastructure',
}

export interface Wish {
  stack?: string
  /** Texts by short name. */
  settings?: Record<string, string>
  preview?: boolean
  region?: string
  bucket?: string
  volumeId?: string
  /** The zone of an existing volume. */
  volumeZone?: string
  /** Unusual answers from AWS, by question. */
  answers?: Record<string, Properties>
}

export interface Onebox extends Run {
  all: (type: string) => Resource[]
  /** The only resource of a type, or the only one with this name. */
  one: (type: string, name?: string) => Resource
}

/** Runs our program against a cloud that accepts everything. */
export async function runOnebox(wish: Wish = {}): Promise<Onebox> {
  const { stack, preview, settings = {}, region = 'eu-central-1' } = wish
  const own = Object.entries(settings).map(([name, value]) => [`onebox:${name}`, value])
  const run = await runProgram({
    dir: resolve(import.meta.dirname, '../../provisioning'),
    stack,
    preview,
    config: { 'aws:region': region, ...Object.fromEntries(own) },
    secrets: ['onebox:writeToken'],
    create: (resource) => create(resource, wish),
    invoke: (question) => answer(question, wish),
  })
  return { ...run, all, one }

  function all(type: string) {
    return run.resources.filter((resource) => shortType(resource) === type)
  }

  function one(type: string, name?: string) {
    const [resource, ...others] = all(type).filter((one) => name === undefined || one.name === name)
    assert.ok(resource, `${type} ${name ?? ''} is there`)
    assert.deepEqual(others, [], `only one ${type}`)
    return resource
  }
}

/** `ec2.Instance` for `aws:ec2/instance:Instance`. */
export function shortType({ type }: Resource): string {
  const [, module = '', name = ''] = type.split(/[:/]\w+:|:/)
  return type.startsWith('aws:') ? `${module}.${name}` : name
}

function create({ type, name, inputs }: Resource, wish: Wish): Properties {
  const { bucket = 'onebox-dev-releases-1a2b3c4', volumeId = 'vol-0123456789abcdef0' } = wish
  const { volumeZone } = wish
  const physical = `onebox-dev-${name}-1a2b3c4`
  const made: Record<string, Properties> = {
    'aws:s3/bucket:Bucket': createBucket(name === 'releases' ? bucket : physical),
    'aws:ebs/volume:Volume': {
      id: volumeId,
      kmsKeyId: diskKey,
      ...(volumeZone && { availabilityZone: volumeZone }),
    },
    'aws:ec2/instance:Instance': { id: 'i-0123456789abcdef0' },
    'aws:ec2/eip:Eip': { id: 'eipalloc-1', publicIp: '203.0.113.10' },
    'aws:ec2/vpcEndpoint:VpcEndpoint': { id: name === 's3' ? 'vpce-1' : `vpce-${name}` },
    'aws:ec2/launchTemplate:LaunchTemplate': { id: 'lt-1', latestVersion: 7 },
    'aws:lb/loadBalancer:LoadBalancer': {
      id: 'lb-1',
      arn: 'arn:lb-1',
      arnSuffix: 'app/lb-1',
      dnsName: 'lb-1.eu-central-1.elb.amazonaws.com',
      zoneId: 'Z-OF-LB-1',
    },
    'aws:lb/targetGroup:TargetGroup': {
      id: 'tg-1',
      arn: 'arn:tg-1',
      arnSuffix: 'targetgroup/tg-1',
    },
    'aws:acm/certificate:Certificate': {
      id: 'cert-1',
      arn: 'arn:cert-1',
      domainValidationOptions: [
        {
          domainName: inputs.domainName,
          resourceRecordName: `_a1.${inputs.domainName}.`,
          resourceRecordType: 'CNAME',
          resourceRecordValue: '_b2.acm-validations.aws.',
        },
      ],
    },
    'random:index/randomPassword:RandomPassword': { result: madeToken },
  }
  const named = { name: inputs.name ?? physical, keyName: physical }
  return made[type] ?? { id: `${type}-${name}`, arn: `arn:aws:${type}:${name}`, ...named }
}

function createBucket(bucket: string): Properties {
  return { id: bucket, bucket, arn: `arn:aws:s3:::${bucket}` }
}

function answer(question: string, wish: Wish): Properties {
  const { region = 'eu-central-1', settings = {}, answers } = wish
  const usual: Record<string, Properties> = {
    getInstanceTypeOfferings: {
      locations: [`${region}-xyz-1a`, `${region}b`, `${region}a`],
    },
    getInstanceType: {
      supportedArchitectures: [settings.architecture === 'x64' ? 'x86_64' : 'arm64'],
      ebsNvmeSupport: 'required',
      burstablePerformanceSupported: true,
    },
    getParameter: { value: 'ami-0123456789abcdef0', insecureValue: 'ami-0123456789abcdef0' },
  }
  const name = question.slice(question.lastIndexOf(':') + 1)
  const known = answers?.[name] ?? usual[name]
  assert.ok(known, `${question} has an answer`)
  return known
}

/** The content of desired.json. */
export function desiredOf({ one }: Onebox): string {
  return one('s3.BucketObjectv2', 'desired').inputs.content
}

/** The policy statements of a role. */
export function statementsOf({ one }: Onebox, role: string): Properties[] {
  return one('iam.RolePolicy', role).inputs.policy.Statement
}

/** The gzipped user data of a box. */
export function userDataOf({ one }: Onebox): Buffer {
  return Buffer.from(one('ec2.Instance').inputs.userDataBase64, 'base64')
}

/** The uploaded files' paths, by key. */
export function uploadsOf({ all }: Onebox): Map<string, string> {
  const objects = all('s3.BucketObjectv2').filter(({ inputs }) => inputs.source)
  return new Map(objects.map(({ inputs }) => [inputs.key, inputs.source.path]))
}
