import type { FakeAws } from './aws-api.ts'
import { type Reply, refuse } from './aws-replies.ts'

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** S3 as our commands use it. An address as host has its bucket in the path. */
export function answerS3(
  aws: FakeAws,
  method: string,
  path: string,
  body: string,
): Reply | Promise<Reply> {
  const { pathname, searchParams } = new URL(path, 'http://s3')
  const [, bucket = '', ...key] = pathname.split('/')
  const prefix = searchParams.get('prefix') ?? ''
  if (aws.lostBuckets.includes(bucket)) return refuse('s3', 503, 'ServiceUnavailable', 'Down')
  if (aws.silentBuckets.includes(bucket)) return new Promise(() => {})
  if (method === 'PUT') return putObject(aws, pathname.slice(1), body)
  if (method === 'POST') return deleteObjects(aws, bucket, body)
  if (method === 'DELETE') return deleteBucket(aws, bucket)
  if (bucket === '') return listBuckets(aws, prefix)
  if (key.join('') !== '') return getObject(aws, pathname.slice(1))
  return searchParams.has('versions') ? listVersions(aws, bucket) : listObjects(aws, bucket, prefix)
}

function listBuckets({ resources }: FakeAws, prefix: string): Reply {
  const names = [...resources.values()]
    .filter(({ type, id }) => type === 'aws:s3/bucket:Bucket' && id.startsWith(prefix))
    .map(({ id, inputs: { region = 'eu-central-1' } }) => {
      return `<Bucket><Name>${id}</Name><BucketRegion>${region}</BucketRegion></Bucket>`
    })
  const body = `<ListAllMyBucketsResult xmlns="${namespace}"><Buckets>${names.join('')}</Buckets></ListAllMyBucketsResult>`
  return { status: 200, body }
}

function getObject({ objects }: FakeAws, name: string): Reply {
  const { content } = objects.get(name) ?? {}
  if (content === undefined) return refuse('s3', 404, 'NoSuchKey', 'The key does not exist')
  return { status: 200, body: content }
}

function putObject({ objects, isReadOnly }: FakeAws, name: string, body: string): Reply {
  if (isReadOnly) return refuse('s3', 403, 'AccessDenied', 'Access Denied')
  const content = Buffer.from(body)
  objects.set(name, { at: new Date(), bytes: content.length, content })
  return { status: 200, body: '' }
}

function listVersions(aws: FakeAws, bucket: string): Reply {
  const versions = keysOf(aws, bucket).map((key) => {
    return `<Version><Key>${key}</Key><VersionId>1</VersionId></Version>`
  })
  const body = `<ListVersionsResult xmlns="${namespace}">${versions.join('')}</ListVersionsResult>`
  return { status: 200, body }
}

function deleteObjects({ objects }: FakeAws, bucket: string, body: string): Reply {
  for (const [, key] of body.matchAll(/<Key>([^<]*)</g)) objects.delete(`${bucket}/${key}`)
  return { status: 200, body: `<DeleteResult xmlns="${namespace}"/>` }
}

/** With all its settings. */
function deleteBucket(aws: FakeAws, bucket: string): Reply {
  if (keysOf(aws, bucket).length > 0) {
    return refuse('s3', 409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty')
  }
  for (const [key, { type, inputs }] of aws.resources) {
    if (type.startsWith('aws:s3/') && inputs.bucket === bucket) aws.resources.delete(key)
  }
  return { status: 204, body: '' }
}

function keysOf({ objects }: FakeAws, bucket: string): string[] {
  const names = [...objects.keys()].filter((name) => name.startsWith(`${bucket}/`))
  return names.map((name) => name.slice(bucket.length + 1))
}

function listObjects({ objects }: FakeAws, bucket: string, prefix: string): Reply {
  const found = [...objects].filter(([name]) => name.startsWith(`${bucket}/${prefix}`)).sort()
  const contents = found.map(
    ([name, { at, bytes }]) => `<Contents>
      <Key>${name.slice(name.indexOf('/') + 1)}</Key>
      <LastModified>${at.toISOString()}</LastModified>
      <ETag>"70ee1738b6b21e2c8a43f3a5ab0eee71"</ETag>
      <Size>${bytes}</Size>
      <StorageClass>STANDARD</StorageClass>
    </Contents>`,
  )
  const body = `<ListBucketResult xmlns="${namespace}">
    <Name>${bucket}</Name><Prefix>${prefix}</Prefix><KeyCount>${found.length}</KeyCount>
    <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents.join('')}
  </ListBucketResult>`
  return { status: 200, body }
}
