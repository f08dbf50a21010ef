import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { cloudConfig, files, fleetFiles, renderUserData } from '../../userdata/cloud-config.ts'
import { needs } from '../support/tools.ts'
import { userdata } from './box.ts'
import { writtenFiles } from './written-files.ts'

const place = { bucket: 'onebox-1a2b3c', region: 'eu-west-1', volumeId: 'vol-0123456789abcdef0' }

const fleet = { bucket: place.bucket, region: place.region }

test('user data is the gzipped cloud-config and at most three quarters of 16 KB', () => {
  const rendered = renderUserData(place)
  assert.equal(gunzipSync(rendered).toString(), cloudConfig(place))
  assert.ok(rendered.length < (16 * 1024 * 3) / 4, `${rendered.length} bytes`)
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
  const real = readdirSync(userdata, { recursive: true }).map(String)
  const ours = real.filter((name) => name !== 'cloud-config.ts' && name !== 'fleet')
  const known = [...Object.values(files), ...Object.values(fleetFiles)]
  assert.deepEqual([...new Set(known)].sort(), ours.sort())
  assert.deepEqual(pathsOf(place), ['/etc/onebox/instance.env', ...Object.keys(files)])
  assert.deepEqual(pathsOf(fleet), ['/etc/onebox/instance.env', ...Object.keys(fleetFiles)])
})

test('one of several machines has no data volume, certificate or backups, and starts none', () => {
  const gone = pathsOf(place).filter((path) => !pathsOf(fleet).includes(path))
  assert.deepEqual(
    gone.map((path) => path.split('/').at(-1)).filter((name) => name !== 'sandbox.conf'),
    [
      'data-volume.sh',
      'onebox-backup.service',
      'onebox-backup.timer',
      'onebox-certificate.service',
      'onebox-certificate.timer',
      'onebox-offsite.service',
      'onebox-offsite.timer',
    ],
  )
  const [, started = ''] = /enable --now --no-block ([^&]*) &&/.exec(cloudConfig(fleet)) ?? []
  assert.deepEqual(started.split(' '), [
    'onebox.socket',
    'onebox-https.socket',
    'onebox.service',
    'onebox-data-volume.service',
    'onebox-metadata-guard.service',
    'onebox-converge.service',
    'onebox-retry.timer',
  ])
  assert.doesNotMatch(cloudConfig(fleet), /VOLUME_ID=/)
  assert.ok(renderUserData(fleet).length < (16 * 1024 * 3) / 4)
})

test('drop-ins for several machines come after the ones that they change', () => {
  for (const path of Object.keys(fleetFiles).filter((path) =>
    fleetFiles[path]?.endsWith('network.conf'),
  ))
    assert.ok(path > path.replace(/[^/]*$/, 'sandbox.conf'), path)
  assert.ok('61onebox' > '60onebox')
})

test('files lose their comments, scripts also their indentation, and nothing else', () => {
  for (const { path, content } of written().slice(1)) {
    const source = readFileSync(join(userdata, files[path] as string), 'utf8').split('\n')
    const kept = source.filter((line) => line !== '' && !/^ *(#(?!!)|\/\/)/.test(line))
    const lines = content.startsWith('#!') ? kept.map((line) => line.trimStart()) : kept
    assert.equal(content, `${lines.join('\n')}\n`, path)
  }
})

test('scripts are executable, other files readable', () => {
  for (const { path, permissions, content } of written()) {
    assert.equal(permissions, content.startsWith('#!') ? '0755' : '0644', path)
  }
})

test('user data contains nothing like a secret', () => {
  assert.doesNotMatch(
    cloudConfig(place),
    /AKIA|ASIA|BEGIN [A-Z ]*KEY|[\da-f]{40}|ssh-(rsa|ed25519)/,
  )
})

test('it is YAML, and says what cloud-init is to do', { skip: needs('python3') }, (t) => {
  const script = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))'
  const args = ['-c', script]
  const { status, stdout, stderr } = spawnSync('python3', args, { input: cloudConfig(place) })
  if (status !== 0 && String(stderr).includes('yaml')) return t.skip('needs python3-yaml')
  const { write_files, users } = JSON.parse(String(stdout))
  assert.deepEqual(
    write_files.map((file: object) => ({ permissions: '0644', ...file })),
    written().map(({ path, permissions, content }) => ({ permissions, path, content })),
  )
  assert.equal(users[1].name, 'onebox')
})

function pathsOf(where: Parameters<typeof cloudConfig>[0]): string[] {
  return writtenFiles(cloudConfig(where)).map(({ path }) => path)
}

function written(where = place) {
  const text = cloudConfig(where)
  assert.match(text, /^#cloud-config\n/)
  return writtenFiles(text)
}
