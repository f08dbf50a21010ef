import { call, type Place } from './call.ts'
import { send } from './json-call.ts'

/** What a load balancer says of an instance. */
export interface TargetHealth {
  /** Such as `healthy`, `initial` or `draining`. */
  state: string
  /** Empty if it is healthy. */
  reason: string
}

/**
 * Every instance of a target group, by its id. AWS's client for it would be one more package.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
 */
export async function readTargetHealth(
  place: Place,
  TargetGroupArn: string,
): Promise<Map<string, TargetHealth>> {
  const xml = await call(ask(place, { Action: 'DescribeTargetHealth', TargetGroupArn }))
  const targets = xml.split('<member>').slice(1)
  return new Map(targets.map((target) => [textOf(target, 'Id'), toHealth(target)]))
}

function toHealth(target: string): TargetHealth {
  const health = textOf(target, 'TargetHealth')
  const reason = textOf(health, 'Description') || textOf(health, 'Reason')
  return { state: textOf(health, 'State'), reason }
}

async function ask(place: Place, parameters: Record<string, string>): Promise<string> {
  const response = await send(place, {
    service: 'elasticloadbalancing',
    endpoint: `https://elasticloadbalancing.${place.region}.amazonaws.com`,
    method: 'POST',
    path: '/',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams({ Version: '2015-12-01', ...parameters })),
  })
  const xml = await response.text()
  if (response.ok) return xml
  throw Object.assign(new Error(textOf(xml, 'Message')), { name: textOf(xml, 'Code') })
}

/** What the first element of that name contains; empty without one. */
function textOf(xml: string, name: string): string {
  return new RegExp(`<${name}>([^]*?)</${name}>`).exec(xml)?.[1] ?? ''
}
