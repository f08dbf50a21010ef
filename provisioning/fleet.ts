import type { Archives } from './archives.ts'
import type { Config } from './config.ts'
import { createEnvironment } from './environment.ts'
import { createFleetAlarms } from './fleet/alarms.ts'
import { createBalancer } from './fleet/balancer.ts'
import { createGroup } from './fleet/group.ts'
import { createFleetNetwork } from './fleet/network.ts'
import { createRole, mayReadReleases, mayUseTables } from './fleet/permissions.ts'
import { createTables } from './fleet/tables.ts'
import { fleetVariables } from './fleet/variables.ts'
import type { Machine } from './machine.ts'
import { commonOutputs } from './outputs.ts'
import { createPipeline } from './pipeline.ts'
import { createReleases } from './releases.ts'

/**
 * Several machines behind a load balancer, with the data in DynamoDB. Returns the stack's outputs;
 * those of one machine's own are empty.
 */
export function createFleet(config: Config, machine: Machine, archives: Archives) {
  const tables = createTables(config)
  const network = createFleetNetwork(config, machine)
  const environment = createEnvironment(config, fleetVariables(config))
  const role = createRole()
  // A release is rejected where it cannot use its tables.
  const rights = mayUseTables(role, tables, network)
  const releases = createReleases(config, archives, environment, [rights])
  const access = mayReadReleases(role, releases, network)
  const balancer = createBalancer(config, network)
  const alarms = createFleetAlarms(config, balancer, tables)
  const needs = [rights, access, network.internet, ...network.associations]
  const parts = { machine, network, role, releases, balancer, unserved: alarms.unserved }
  const group = createGroup(config, parts, needs)

  return {
    ...commonOutputs(config, { network, environment, releases }),
    ip: '',
    url: balancer.url,
    machines: config.machines,
    balancer: balancer.host,
    group: group.name,
    targetGroup: balancer.targets.arn,
    tablePrefix: config.name,
    ssh: config.sshFrom.length > 0 ? `npx onebox ssh --stack ${config.stack}` : 'closed',
    instanceId: '',
    volumeId: '',
    alarmTopics: alarms.topics,
    pipelineRoles: createPipeline(config, releases),
  }
}
