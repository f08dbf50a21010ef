import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { cloudConfig, files, renderUserData } from '../../userdata/cloud-config.ts'
import { userdata } from './box.ts'

const place = { bucket: 'onebox-1a2b3c', region: 'eu-west-1', volumeId: 'vol-0123456789abcdef0' }

interface WrittenFile {
  path: string
  permissions?: string
  content: string
}

test('user data is the gzipped cloud-config and at most two thirds of 16 KB', () => {
  const rendered = renderUserData(place)
  assert.equal(gunzipSync(rendered).toString(), cloudConfig(place))
  assert.ok(rendered.length < (16 * 1024 * 2) / 3, `${rendered.length} bytes`)
})

test('the same place always gives the same bytes', () => {
  assert.deepEqual(renderUserData(place), renderUserData({ ...place }))
})

test('user data differs between stacks only in bucket, region and volume', () => {
  const other = { bucket: 'other', region: 'us-east-2', volumeId: 'vol-0fedcba9876543210' }
  const change = (text: string) =>
    text
      .replaceAll(place.bucket, other.bucket)
      .replaceAll(place.region, other.region)
      .replaceAll(place.volumeId, other.volumeId)
  assert.equal(cloudConfig(other), change(cloudConfig(place)))
  const env = written(other).find(({ path }) => path === '/etc/onebox/instance.env')
  assert.equal(
    env?.content,
    'BUCKET_URL=https://other.s3.us-east-2.amazonaws.com\nREGION=us-east-2\nVOLUME_ID=vol-0fedcba9876543210\n',
  )
})

test('the instance gets every file of the folder, and no others', () => {
  const real = readdirSync(userdata).filter((name) => name !== 'cloud-config.ts')
  assert.deepEqual([...new Set(Object.values(files))].sort(), real.sort())
  const paths = written().map(({ path }) => path)
  assert.deepEqual(paths, ['/etc/onebox/instance.env', ...Object.keys(files)])
})

test('files lose their comments and nothing else', () => {
  for (const { path, content } of written().slice(1)) {
    const source = readFileSync(join(userdata, files[path] as string), 'utf8').split('\n')
    const kept = source.filter((line) => line !== '' && !/^ *(#(?!!)|\/\/)/.test(line))
    assert.equal(content, `${kept.join('\n')}\n`, path)
  }
})

test('scripts are executable, other files readable', () => {
  for (const { path, permissions, content } of written()) {
    assert.equal(permissions ?? '0644', content.startsWith('#!') ? '0755' : '0644', path)
  }
})

test('user data contains nothing like a secret', () => {
  assert.doesNotMatch(
    cloudConfig(place),
    /AKIA|ASIA|BEGIN [A-Z ]*KEY|[\da-f]{40}|ssh-(rsa|ed25519)/,
  )
})

function written(where = place): WrittenFile[] {
  const [header, json] = cloudConfig(where).split('\n', 2)
  assert.equal(header, '#cloud-config')
  return JSON.parse(json as string).write_files
}
