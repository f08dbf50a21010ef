import assert from 'node:assert/strict'
import test from 'node:test'
import { markdown, roleFor } from '../../scripts/preview.ts'
import type { Change } from '../../scripts/support/apply.ts'

const release: Change = { operation: 'create-replacement', what: 's3.BucketObjectv2 release' }
const instance: Change = { operation: 'update', what: 'ec2.Instance server-arm64' }
const bucket: Change = { operation: 'update', what: 's3.Bucket releases' }
const role: Change = { operation: 'create', what: 'iam.Role pipeline-release' }

test('a change takes the narrowest role that can bring it about, and one of IAM has none', () => {
  assert.equal(roleFor([]), 'release')
  assert.equal(roleFor([release]), 'release')
  assert.equal(roleFor([release, instance]), 'infrastructure')
  assert.equal(roleFor([bucket]), 'infrastructure')
  assert.equal(roleFor([release, role, instance]), 'none')
})

test('a preview reads as a table, below who would bring it about', () => {
  assert.equal(markdown('dev', []), 'Nothing would change in stack dev.\n')
  assert.match(
    markdown('dev', [release]),
    /as a release\.\n\n\| change \| resource \|\n\|---\|---\|/,
  )
  assert.match(
    markdown('dev', [release]),
    /^\| create-replacement \| s3\.BucketObjectv2 release \|$/m,
  )
  assert.match(markdown('dev', [role]), /\*\*It changes IAM, .* for a person here\.\*\*$/m)
})
