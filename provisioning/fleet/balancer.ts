import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Config } from '../config.ts'
import type { FleetNetwork } from './network.ts'

export interface Balancer {
  url: pulumi.Output<string>
  /** Its name in AWS's DNS. */
  host: pulumi.Output<string>
  /** The servers that it knows. */
  targets: aws.lb.TargetGroup
  balancer: aws.lb.LoadBalancer
}

/** How long the balancer keeps an idle connection. */
export const balancerIdleSeconds = 60

/** How long a server that leaves may finish its requests; longer than its own drain. */
export const leaveSeconds = 60

/**
 * Sends requests to the servers whose /healthz answers 200, or to all if none does. HTTPS is for a
 * domain; its certificate comes from AWS, which renews it.
 */
export function createBalancer(
  config: Config,
  { subnets, balancer: group, internet }: FleetNetwork,
) {
  const balancer = new aws.lb.LoadBalancer(
    'balancer',
    {
      // Pulumi's own names would be too long.
      name: config.name,
      loadBalancerType: 'application',
      internal: false,
      subnets: subnets.map(({ id }) => id),
      securityGroups: [group.id],
      idleTimeout: balancerIdleSeconds,
      dropInvalidHeaderFields: true,
    },
    { dependsOn: internet },
  )
  const targets = createTargets(config, group.vpcId)
  const host = balancer.dnsName
  if (config.domain === '') {
    listen(balancer, 'http', { type: 'forward', targetGroupArn: targets.arn })
    return { url: pulumi.interpolate`http://${host}`, host, targets, balancer }
  }
  listen(balancer, 'http', {
    type: 'redirect',
    redirect: { protocol: 'HTTPS', port: '443', statusCode: 'HTTP_301' },
  })
  const certificateArn = createCertificate(config, balancer)
  listen(balancer, 'https', { type: 'forward', targetGroupArn: targets.arn }, certificateArn)
  return { url: pulumi.output(`https://${config.domain}`), host, targets, balancer }
}

/** A server is out after half a minute without a good answer, and in after two. */
function createTargets({ name }: Config, vpcId: pulumi.Input<string>): aws.lb.TargetGroup {
  return new aws.lb.TargetGroup('servers', {
    name,
    vpcId,
    targetType: 'instance',
    protocol: 'HTTP',
    port: 80,
    deregistrationDelay: leaveSeconds,
    healthCheck: {
      path: '/healthz',
      matcher: '200',
      interval: 10,
      timeout: 5,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
    },
  })
}

function listen(
  { arn }: aws.lb.LoadBalancer,
  protocol: 'http' | 'https',
  action: aws.types.input.lb.ListenerDefaultAction,
  certificateArn?: pulumi.Input<string>,
) {
  const isSecure = protocol === 'https'
  return new aws.lb.Listener(protocol, {
    loadBalancerArn: arn,
    protocol: protocol.toUpperCase(),
    port: isSecure ? 443 : 80,
    // TLS 1.2 and 1.3, with forward secrecy.
    ...(isSecure && { certificateArn, sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06' }),
    defaultActions: [action],
  })
}

/** The ARN of a certificate once AWS has issued it, for which the domain must have a record. */
function createCertificate(
  { domain, hostedZoneId: zoneId }: Config,
  balancer: aws.lb.LoadBalancer,
): pulumi.Output<string> {
  const { arn, domainValidationOptions } = new aws.acm.Certificate('domain', {
    domainName: domain,
    validationMethod: 'DNS',
  })
  const wanted = domainValidationOptions.apply(([option]) => ({
    name: option?.resourceRecordName ?? '',
    type: option?.resourceRecordType ?? '',
    value: option?.resourceRecordValue ?? '',
  }))
  if (zoneId === '') sayRecords(domain, wanted, balancer.dnsName)
  else {
    new aws.route53.Record('validation', {
      zoneId,
      name: wanted.name,
      type: wanted.type as pulumi.Output<aws.route53.RecordType>,
      ttl: 60,
      records: [wanted.value],
    })
    const { dnsName: name, zoneId: ofBalancer } = balancer
    const alias = { name, zoneId: ofBalancer, evaluateTargetHealth: false }
    new aws.route53.Record('domain', { zoneId, name: domain, type: 'A', aliases: [alias] })
  }
  return new aws.acm.CertificateValidation(
    'domain',
    { certificateArn: arn },
    { customTimeouts: { create: '60m' } },
  ).certificateArn
}

/** Somebody has to make them while Pulumi waits for the certificate. */
function sayRecords(
  domain: string,
  wanted: pulumi.Output<{ name: string; type: string; value: string }>,
  host: pulumi.Output<string>,
) {
  pulumi.all([wanted, host]).apply(([{ name, type, value }, host]) => {
    const records = `${name} 60 IN ${type} ${value} and ${domain}. 60 IN CNAME ${host}.`
    return pulumi.log.info(`${domain} needs these records where its DNS is: ${records}`)
  })
}
