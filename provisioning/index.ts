import * as pulumi from '@pulumi/pulumi'
import { createAlarms } from './alarms.ts'
import { buildArchives } from './archives.ts'
import { createBackups } from './backups.ts'
import { createDataVolume } from './data-volume.ts'
import { createEnvironment } from './environment.ts'
import { createInstance } from './instance.ts'
import { lookUpMachine } from './machine.ts'
import { createNetwork } from './network.ts'
import { createPermissions } from './permissions.ts'
import { createPipeline } from './pipeline.ts'
import { createRecord } from './record.ts'
import { createReleases } from './releases.ts'
import { readStack } from './stack.ts'
import { tagEverything } from './tags.ts'

const config = readStack()
const machine = await lookUpMachine(config)
const archives = await buildArchives(config)

tagEverything(config)
const dataVolume = createDataVolume(config, machine)
const network = createNetwork(config, machine, dataVolume)
const backups = createBackups(config)
const environment = createEnvironment(config, backups)
const releases = createReleases(config, archives, environment)
const permissions = createPermissions(releases, backups, network)
const instance = createInstance(config, { machine, network, dataVolume, releases, permissions })
createRecord(config, instance)
const topics = createAlarms(config, machine, instance)
const roles = createPipeline(config, releases, backups)

export const ip = instance.ip
// It always answers, and redirects to HTTPS once there is a certificate.
export const url = pulumi.interpolate`http://${ip}`
export const domain = config.domain
export const ssh = config.sshFrom.length > 0 ? pulumi.interpolate`ssh admin@${ip}` : 'closed'
export const sshEndpoint = network.sshEndpoint?.id ?? ''
export const writeToken = environment.writeToken
export const release = releases.release
export const runtime = releases.runtime
export const desired = releases.desired
export const region = config.region
export const bucket = releases.bucket.bucket
export const backupBucket = backups.bucket.bucket
export const instanceId = instance.id
export const volumeId = dataVolume.id
export const alarmTopics = topics
export const pipelineRoles = roles
