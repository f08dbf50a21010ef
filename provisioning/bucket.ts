import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

export interface ReadyBucket {
  bucket: aws.s3.Bucket
  /** What uploads depend on. */
  isReady: pulumi.Resource[]
}

interface BucketOptions {
  /** Its region, if not the stack's. */
  region?: string
  /** Whether it outlives the stack, with everything in it. */
  isKept?: boolean
  /** How long an object lives, in days, by prefix. Others live until they are overwritten. */
  lifetimes?: Record<string, { days: number; thenDays: number }>
  /** Whether nothing in it can be overwritten. */
  isAppendOnly?: boolean
}

/** Private, encrypted, TLS only; overwritten objects are kept for a month. */
export function createBucket(name: string, options: BucketOptions = {}): ReadyBucket {
  const { region, isKept = false } = options
  const kept = { retainOnDelete: isKept }
  const resource = new aws.s3.Bucket(name, { region, forceDestroy: !isKept }, kept)
  const { bucket } = resource
  const privacy = new aws.s3.BucketPublicAccessBlock(
    name,
    {
      region,
      bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    kept,
  )
  const ownership = new aws.s3.BucketOwnershipControls(
    name,
    { region, bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } },
    kept,
  )
  const encryption = new aws.s3.BucketServerSideEncryptionConfiguration(
    name,
    {
      region,
      bucket,
      rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
    },
    kept,
  )
  const versioning = new aws.s3.BucketVersioning(
    name,
    { region, bucket, versioningConfiguration: { status: 'Enabled' } },
    kept,
  )
  new aws.s3.BucketLifecycleConfiguration(
    name,
    { region, bucket, rules: lifecycle(options) },
    { ...kept, dependsOn: versioning },
  )
  // S3 rejects simultaneous changes to a bucket's access.
  new aws.s3.BucketPolicy(
    name,
    { region, bucket, policy: accessPolicy(resource, options) },
    { ...kept, dependsOn: privacy },
  )
  return { bucket: resource, isReady: [privacy, ownership, encryption, versioning] }
}

function lifecycle({ lifetimes = {} }: BucketOptions) {
  const abortIncompleteMultipartUpload = { daysAfterInitiation: 1 }
  const noncurrentVersionExpiration = { noncurrentDays: 30 }
  const prefixes = Object.entries(lifetimes)
  if (prefixes.length === 0) {
    return [
      {
        id: 'expire',
        status: 'Enabled',
        filter: {},
        noncurrentVersionExpiration,
        abortIncompleteMultipartUpload,
      },
    ]
  }
  return prefixes.map(([prefix, { days, thenDays }]) => ({
    id: prefix,
    status: 'Enabled',
    filter: { prefix: `${prefix}/` },
    expiration: { days },
    noncurrentVersionExpiration: { noncurrentDays: thenDays },
    abortIncompleteMultipartUpload,
  }))
}

function accessPolicy({ arn }: aws.s3.Bucket, { isAppendOnly = false }: BucketOptions) {
  const everything = pulumi.interpolate`${arn}/*`
  const tlsOnly: aws.iam.PolicyStatement = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [arn, everything],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  }
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
  const onlyNewObjects: aws.iam.PolicyStatement = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: everything,
    Condition: { Null: { 's3:if-none-match': 'true' } },
  }
  return {
    Version: '2012-10-17' as const,
    Statement: isAppendOnly ? [tlsOnly, onlyNewObjects] : [tlsOnly],
  }
}
