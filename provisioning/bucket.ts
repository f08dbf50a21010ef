import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

interface ReadyBucket {
  bucket: aws.s3.Bucket
  /** What uploads depend on. */
  isReady: pulumi.Resource[]
}

/** Private, encrypted, TLS only; overwritten objects are kept for a month. */
export function createBucket(): ReadyBucket {
  // Destroying it deletes its objects, too: everything in it can be rebuilt from this folder.
  const resource = new aws.s3.Bucket('releases', { forceDestroy: true })
  const { bucket } = resource
  const privacy = new aws.s3.BucketPublicAccessBlock('releases', {
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  })
  const ownership = new aws.s3.BucketOwnershipControls('releases', {
    bucket,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  })
  const encryption = new aws.s3.BucketServerSideEncryptionConfiguration('releases', {
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  })
  const versioning = new aws.s3.BucketVersioning('releases', {
    bucket,
    versioningConfiguration: { status: 'Enabled' },
  })
  expireOldVersions(resource, versioning)
  // S3 rejects simultaneous changes to a bucket's access.
  demandTls(resource, privacy)
  return { bucket: resource, isReady: [privacy, ownership, encryption, versioning] }
}

function expireOldVersions({ bucket }: aws.s3.Bucket, versioning: aws.s3.BucketVersioning) {
  new aws.s3.BucketLifecycleConfiguration(
    'releases',
    {
      bucket,
      rules: [
        {
          id: 'expire',
          status: 'Enabled',
          filter: {},
          noncurrentVersionExpiration: { noncurrentDays: 30 },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
        },
      ],
    },
    { dependsOn: versioning },
  )
}

function demandTls({ bucket, arn }: aws.s3.Bucket, privacy: aws.s3.BucketPublicAccessBlock) {
  const policy: aws.iam.PolicyDocument = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, pulumi.interpolate`${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  }
  new aws.s3.BucketPolicy('releases', { bucket, policy }, { dependsOn: privacy })
}
