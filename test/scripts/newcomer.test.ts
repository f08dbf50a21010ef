import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure, assertUsageError } from './command.ts'
import { makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const skip = needsPulumi()
const region = ['--region', 'eu-central-1']

test('up without the Pulumi CLI says how to get it', async (t) => {
  const laptop = await makeLaptop(t)
  rmSync(join(laptop.home, 'bin/pulumi'))
  const cure =
    'npx onebox up --install-cli installs it, as does https://www.pulumi.com/docs/install'
  assertFailure(
    await laptop.run('up', ...region, '--yes'),
    line(`The Pulumi CLI (3.146.0 or later) is not installed: ${cure}`),
  )
})

test('up without AWS credentials says how to set them', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  delete laptop.env.AWS_ACCESS_KEY_ID
  assertFailure(
    await laptop.run('up', ...region, '--yes'),
    line(
      'No AWS credentials: run aws configure, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ),
  )
})

const refusals: Record<string, string> = {
  InvalidClientTokenId:
    'AWS rejects the credentials: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ExpiredToken: 'The AWS credentials have expired: run aws sso login, or renew them',
}

for (const [refusal, message] of Object.entries(refusals)) {
  test(`up names the cure when AWS answers ${refusal}`, { skip }, async (t) => {
    const laptop = await makeLaptop(t)
    laptop.aws.refusal = refusal
    assertFailure(await laptop.run('up', ...region, '--yes'), line(message))
  })
}

test('up rejects an unknown or disabled region, and does not save it', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.aws.regions['ap-east-1'] = 'not-opted-in'
  assertUsageError(
    await laptop.run('up', '--yes'),
    line('Which region? Add --region eu-central-1, or another one near you'),
  )
  assertFailure(
    await laptop.run('up', '--region', 'eu-centrl-1', '--yes'),
    line(
      'AWS has no region eu-centrl-1: choose with --region among ap-east-1, eu-central-1, us-east-1',
    ),
  )
  assertFailure(
    await laptop.run('up', '--region', 'ap-east-1', '--yes'),
    line(
      'The region ap-east-1 is not enabled for this account: enable it in the AWS console under Account, or choose another with --region',
    ),
  )
  assert.doesNotMatch((await laptop.run('pulumi', 'config')).out, /aws:region/)
})

test('up uses the region of the environment, and the stack stays there', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.env.AWS_REGION = 'us-east-1'
  const { out } = await laptop.run('up')
  assert.match(
    out,
    /^→ AWS account 123456789012 in us-east-1, as arn:aws:iam::123456789012:user\/anna$/m,
  )
  assertFailure(
    await laptop.run('up', ...region),
    line('Stack dev is in us-east-1: for eu-central-1, make another one with --stack NAME'),
  )
})

test('up --ssh without a key says how to create one', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  rmSync(join(laptop.home, '.ssh'), { recursive: true })
  assertFailure(
    await laptop.run('up', ...region, '--ssh', '--yes'),
    line('There is no SSH key in ~/.ssh: run ssh-keygen -t ed25519, then try again'),
  )
})

test('up names an invalid setting, and a cure that can be pasted', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.env.AWS_REGION = 'eu-central-1'
  await laptop.run('up')
  await laptop.run('pulumi', 'config', 'set', 'timeZone', 'Berlin')
  assertFailure(
    await laptop.run('up', '--yes'),
    line(
      'onebox:timeZone must be an IANA time zone, got "Berlin": npx onebox pulumi config --stack dev set onebox:timeZone Europe/Berlin',
    ),
  )
})

test('up on AWS’s Free plan chooses the smallest type it allows, and prints its price', {
  skip,
}, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.aws.plan = 'FREE'
  const { out } = await laptop.run('up', ...region)
  assert.match(
    out,
    /^→ This account has AWS's Free plan, which refuses t4g\.nano: t4g\.micro instead\n(→ .*\n)+→ t4g\.micro in eu-central-1 costs about \$/m,
  )
  assert.doesNotMatch((await laptop.run('up')).out, /Free plan/)
  await laptop.run('pulumi', 'config', 'set', 'architecture', 'x64')
  await laptop.run('pulumi', 'config', 'set', 'instanceType', 't3.nano')
  assertFailure(
    await laptop.run('up'),
    line(
      "This account has AWS's Free plan, which refuses t3.nano: npx onebox pulumi config set instanceType t3.micro --stack dev",
    ),
  )
})

test('up continues without the permission to read the plan, and reports what AWS refuses', {
  skip,
}, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.aws.plan = undefined
  assert.match((await laptop.run('up', ...region)).out, /^→ t4g\.nano in eu-central-1 costs/m)
  laptop.cloud.onChange = () => void Object.assign(laptop.aws, { plan: 'FREE' })
  assertFailure(
    await laptop.run('up', '--yes'),
    /not eligible for Free Tier\. .*\. The account has AWS's Free plan: run npx onebox pulumi config --stack dev set onebox:instanceType t4g\.micro, or t3\.micro for x64, then run npx onebox up --stack dev again\n$/,
  )
})

test('up changes nothing without a terminal, and prints the cost first', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  const changes: string[] = []
  laptop.cloud.onChange = (operation, { name }) => void changes.push(`${operation} ${name}`)
  const ended = await laptop.run('up', ...region)
  assert.match(ended.out, /^→ t4g\.nano in eu-central-1 costs about \$\d+\.\d\d per month/m)
  assertFailure(
    ended,
    line('Cannot ask "Continue? [y/N]" without a terminal: add --yes to skip confirmation'),
  )
  assert.deepEqual(changes, [])
})

test('no login is needed: the passphrase is created once, readable only by its owner', {
  skip,
}, async (t) => {
  const laptop = await makeLaptop(t)
  const { out } = await laptop.run('up', ...region)
  assert.match(out, /^→ Pulumi keeps its state on this machine, in ~\/\.pulumi, its secrets under/)
  const file = join(laptop.home, '.pulumi/onebox-passphrase')
  const passphrase = readFileSync(file, 'utf8')
  assert.match(passphrase, /^[\w-]{32}\n$/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await laptop.run('up')
  assert.equal(readFileSync(file, 'utf8'), passphrase)
})

test('commands for a stack that does not exist say how to create it', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  for (const name of ['status', 'backup', 'destroy']) {
    const ended = await laptop.run(name, '--stack', 'prod')
    assertFailure(ended, line('There is no stack prod: npx onebox up --stack prod creates it'))
  }
})
