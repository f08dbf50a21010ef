import * as pulumi from '@pulumi/pulumi'
import { createAlarms } from './alarms.ts'
import type { Archives } from './archives.ts'
import { createBackups } from './backups.ts'
import type { Config } from './config.ts'
import { createDataVolume } from './data-volume.ts'
import { createEnvironment } from './environment.ts'
import { createInstance } from './instance.ts'
import type { Machine } from './machine.ts'
import { createNetwork } from './network.ts'
import { commonOutputs } from './outputs.ts'
import { createPermissions } from './permissions.ts'
import { createPipeline } from './pipeline.ts'
import { createRecord } from './record.ts'
import { createReleases } from './releases.ts'

/** One machine with its data on a disk. Returns the stack's outputs. */
export function createBox(config: Config, machine: Machine, archives: Archives) {
  const dataVolume = createDataVolume(config, machine)
  const network = createNetwork(config, machine, dataVolume)
  const backups = createBackups(config)
  const environment = createEnvironment(config, {
    OFFSITE_URL: backups.url,
    OFFSITE_MINUTES: String(config.backupMinutes),
  })
  const releases = createReleases(config, archives, environment)
  const permissions = createPermissions(releases, backups, network)
  const instance = createInstance(config, { machine, network, dataVolume, releases, permissions })
  createRecord(config, instance)
  const topics = createAlarms(config, machine, instance)
  const roles = createPipeline(config, releases, backups)
  const { id: instanceId, ip } = instance

  return {
    ...commonOutputs(config, { network, environment, releases }),
    ip,
    // It always answers, and redirects to HTTPS once there is a certificate.
    url: pulumi.interpolate`http://${ip}`,
    ssh: config.sshFrom.length > 0 ? pulumi.interpolate`ssh admin@${ip}` : 'closed',
    backupBucket: backups.bucket.bucket,
    instanceId,
    volumeId: dataVolume.id,
    alarmTopics: topics,
    pipelineRoles: roles,
  }
}
