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
  [
    'a mistake in the program, without where it comes from',
    "<{%reset%}>Running program '/home/anna/onebox/provisioning/index.ts' failed with an unhandled exception:<{%reset%}>\n<{%fg 1%}>TypeError: x is not a function\n    at file:///home/anna/onebox/provisioning/index.ts:17:9\n<{%reset%}>",
    'The Pulumi program failed: TypeError: x is not a function; DEBUG=1 shows where',
  ],
  [
    'a program that does not parse',
    "Running program '/x/index.ts' failed with an unhandled exception:\nfile:///x/index.ts:1\nsyntax error here\n       ^^^^^\n\nSyntaxError: Expected ';'\n    at x\n",
    "The Pulumi program failed: SyntaxError: Expected ';'; DEBUG=1 shows where",
  ],
  [
    'hints to run the CLI, which has another state',
    'run `pulumi plugin install resource aws`, `pulumi state unprotect URN`, then `pulumi up`',
    'run `npx onebox pulumi plugin install resource aws`, `npx onebox pulumi state unprotect URN`, then `npx onebox up`',
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
