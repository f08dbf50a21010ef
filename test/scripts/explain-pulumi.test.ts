import assert from 'node:assert/strict'
import test from 'node:test'
import { explainPulumi, readableReason } from '../../scripts/stack/explain-pulumi.ts'

const told: [what: string, text: string, expected: string][] = [
  [
    'AWS through its provider',
    '<{%reset%}>sdk-v2/provider2.go:572: sdk.helper_schema: creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400, RequestID: 1f4c-99, api error VcpuLimitExceeded: You have requested more vCPU capacity than your limit: provider=aws@7.48.0<{%reset%}>\n',
    'creating EC2 Instance: VcpuLimitExceeded: You have requested more vCPU capacity than your limit',
  ],
  [
    'the provider’s list of one',
    '1 error occurred:\n\t* creating IAM Role: EntityAlreadyExists: Role with name x already exists.\n',
    'creating IAM Role: EntityAlreadyExists: Role with name x already exists.',
  ],
  [
    'a cure in the CLI’s words',
    'onebox:timeZone must be an IANA time zone: pulumi config set onebox:timeZone UTC',
    'onebox:timeZone must be an IANA time zone: npx onebox pulumi config set onebox:timeZone UTC',
  ],
]

for (const [what, text, expected] of told) {
  test(`a readable line from ${what}`, () => assert.equal(readableReason(text), expected))
}

test('a cure of the CLI names npx onebox and the stack', () => {
  assert.equal(
    readableReason('pulumi config set onebox:timeZone UTC', 'prod'),
    'npx onebox pulumi config --stack prod set onebox:timeZone UTC',
  )
})

test('the reason is extracted from the output of the CLI', () => {
  const message = `code: -2
 stdout: Updating (dev):
 stderr: Command failed with exit code 255: pulumi up --yes --stack dev --non-interactive
error: update failed
error: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase
 err?: Error: Command failed`
  assert.equal(
    explainPulumi(new Error(message)).message,
    'incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase',
  )
})
