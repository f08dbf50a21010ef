import { isDeepStrictEqual } from 'node:util'
import type { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb.js'
import type {
  CheckRequest,
  CheckResponse,
  ConfigureRequest,
  ConfigureResponse,
  CreateRequest,
  CreateResponse,
  DeleteRequest,
  DiffRequest,
  DiffResponse,
  InvokeRequest,
  InvokeResponse,
  ProviderHandshakeResponse,
  ReadRequest,
  ReadResponse,
  UpdateRequest,
  UpdateResponse,
} from '@pulumi/pulumi/proto/provider_pb.js'
import manifest from '../../../package.json' with { type: 'json' }
import { type Properties, plain, Struct } from '../properties.ts'

/** What the cloud does for a provider. Whatever it throws is told as the cloud's own words. */
export interface Cloud {
  create: (resource: CloudResource) => Promise<{ id: string; outputs: Properties }>
  update: (resource: CloudResource) => Promise<void>
  delete: (resource: CloudResource) => Promise<void>
  /** Its outputs besides the inputs; undefined if it is gone. */
  read: (resource: CloudResource) => Promise<Properties | undefined>
  /** To a question such as `aws:ssm/getParameter:getParameter`. */
  answer: (question: string, inputs: Properties, region: string) => Properties
}

/** With plain values for secrets and `{path, hash}` for files. */
export interface CloudResource {
  type: string
  name: string
  /** Empty before it is created. */
  id: string
  inputs: Properties
  outputs: Properties
}

// What cannot be changed of a resource that exists. https://www.pulumi.com/registry/packages/aws/
const replacing: Record<string, string[]> = {
  'aws:ec2/instance:Instance': ['ami', 'subnetId', 'keyName'],
  'aws:ec2/keyPair:KeyPair': ['keyName', 'publicKey'],
  'aws:ec2/subnet:Subnet': ['vpcId', 'availabilityZone'],
  'aws:ebs/volume:Volume': ['availabilityZone', 'encrypted', 'snapshotId'],
  'aws:ec2/volumeAttachment:VolumeAttachment': ['deviceName', 'instanceId', 'volumeId'],
  'aws:ec2/eipAssociation:EipAssociation': ['instanceId', 'allocationId'],
  'aws:s3/bucket:Bucket': ['bucket'],
  'aws:s3/bucketObjectv2:BucketObjectv2': ['bucket', 'key'],
  'random:index/randomPassword:RandomPassword': ['length', 'special'],
}

/** The property that gets a name if the program gives none. */
const naming: Record<string, string> = {
  'aws:s3/bucket:Bucket': 'bucket',
  'aws:ec2/keyPair:KeyPair': 'keyName',
  'aws:ec2/securityGroup:SecurityGroup': 'name',
  'aws:iam/role:Role': 'name',
  'aws:iam/rolePolicy:RolePolicy': 'name',
  'aws:iam/instanceProfile:InstanceProfile': 'name',
  'aws:cloudwatch/metricAlarm:MetricAlarm': 'name',
  'aws:sns/topic:Topic': 'name',
  'aws:autoscaling/group:Group': 'name',
  'aws:autoscaling/policy:Policy': 'name',
  'aws:ec2/launchTemplate:LaunchTemplate': 'name',
  'aws:budgets/budget:Budget': 'name',
}

/** Stands in for Pulumi's provider of that name, which no registry has. */
export function createProvider(kind: 'aws' | 'random', cloud: Cloud) {
  let region = ''
  return {
    handshake(_: unknown, response: ProviderHandshakeResponse) {
      response.setAcceptSecrets(true)
      response.setSupportsAutonamingConfiguration(true)
    },

    /** Tells it where the engine is, which it needs not know. */
    attach() {},

    getPluginInfo(_: unknown, response: PluginInfo) {
      response.setVersion(manifest.devDependencies[`@pulumi/${kind}`])
    },

    checkConfig(request: CheckRequest, response: CheckResponse) {
      response.setInputs(request.getNews())
    },

    diffConfig(_: unknown, response: DiffResponse) {
      response.setChanges(1)
    },

    configure(request: ConfigureRequest, response: ConfigureResponse) {
      region = valuesOf(request.getArgs()).region ?? ''
      response.setAcceptsecrets(true)
      response.setSupportspreview(true)
      response.setSupportsAutonamingConfiguration(true)
    },

    check(request: CheckRequest, response: CheckResponse) {
      const inputs = rawOf(request.getNews())
      const name = naming[typeOf(request)]
      const olds = valuesOf(request.getOlds())
      const proposed = request.getAutonaming()?.getProposedName()
      if (name !== undefined) inputs[name] ??= olds[name] ?? proposed
      response.setInputs(Struct.fromJavaScript(inputs))
    },

    diff(request: DiffRequest, response: DiffResponse) {
      const olds = valuesOf(request.getOldInputs())
      const news = valuesOf(request.getNews())
      const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])]
      const ignored = request.getIgnorechangesList()
      const changed = names.filter((name) => {
        return !ignored.includes(name) && !isDeepStrictEqual(known(olds[name]), known(news[name]))
      })
      const forced = [...(replacing[typeOf(request)] ?? [])]
      if (news.userDataReplaceOnChange) forced.push('userDataBase64')
      response.setChanges(changed.length > 0 ? 2 : 1)
      response.setDiffsList(changed)
      response.setReplacesList(changed.filter((name) => forced.includes(name)))
    },

    async create(request: CreateRequest, response: CreateResponse) {
      const inputs = rawOf(request.getProperties())
      const resource = resourceOf(request, '', request.getProperties())
      const isPreview = request.getPreview()
      const { id, outputs } = isPreview ? { id: '', outputs: {} } : await cloud.create(resource)
      response.setId(id)
      response.setProperties(Struct.fromJavaScript({ ...inputs, ...outputs }))
    },

    async read(request: ReadRequest, response: ReadResponse) {
      const id = request.getId()
      const raw = rawOf(request.getProperties())
      const inputs = request.getInputs()
      const outputs = await cloud.read(resourceOf(request, id, inputs, request.getProperties()))
      if (outputs === undefined) return
      response.setId(id)
      response.setInputs(inputs)
      response.setProperties(Struct.fromJavaScript({ ...outputs, ...raw }))
    },

    async update(request: UpdateRequest, response: UpdateResponse) {
      const olds = rawOf(request.getOlds())
      const inputs = rawOf(request.getNews())
      for (const name of request.getIgnorechangesList()) inputs[name] = olds[name]
      const resource = resourceOf(request, request.getId(), request.getNews(), request.getOlds())
      if (!request.getPreview()) await cloud.update(resource)
      response.setProperties(Struct.fromJavaScript({ ...olds, ...inputs }))
    },

    async delete(request: DeleteRequest) {
      const outputs = request.getProperties()
      await cloud.delete(resourceOf(request, request.getId(), request.getOldInputs(), outputs))
    },

    invoke(request: InvokeRequest, response: InvokeResponse) {
      const answer = cloud.answer(request.getTok(), valuesOf(request.getArgs()), region)
      response.setReturn(Struct.fromJavaScript(answer))
    },

    cancel() {},
  }
}

type Values = ReturnType<CreateRequest['getProperties']>

function rawOf(values: Values): Properties {
  return (values?.toJavaScript() ?? {}) as Properties
}

function valuesOf(values: Values): Properties {
  return plain(rawOf(values)) as Properties
}

/** A file is the same wherever it lies. */
function known(value: unknown): unknown {
  return (value as Properties | undefined)?.hash ?? value
}

interface Named {
  getUrn: () => string
}

function typeOf(request: Named): string {
  return request.getUrn().split('::')[2]?.split('$').at(-1) ?? ''
}

function resourceOf(request: Named, id: string, inputs: Values, outputs?: Values): CloudResource {
  const name = request.getUrn().split('::').slice(3).join('::')
  return { type: typeOf(request), name, id, inputs: valuesOf(inputs), outputs: valuesOf(outputs) }
}
