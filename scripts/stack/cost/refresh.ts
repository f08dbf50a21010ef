// AWS publishes its prices as files for everyone, one a service and region:
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { Figure, Prices, RegionPrices } from './monthly.ts'

export const awsPriceList = 'https://pricing.us-east-1.amazonaws.com'

export interface RefreshOptions {
  /** Where AWS's files are, or copies of them. */
  from: string
  instanceTypes: readonly string[]
  today: string
  /** Hears of each file before it is read. */
  onFile: (url: string) => void
  onRow: (rows: number) => void
}

interface Wanted {
  /** The end of the usage type: a region's own begin with its code, such as EUC1-. */
  usage: string
  operation?: string
  set: (prices: Prices, usd: number) => void
}

interface Offer {
  name: string
  isGlobal?: boolean
  wanted: Wanted[]
}

const timeoutMs = 30 * 60_000

/** @throws {Error} naming the file that cannot be read, or what is not in it */
export async function refreshRegion(
  region: string,
  options: RefreshOptions,
): Promise<RegionPrices> {
  const prices: Prices = { instanceHour: {} }
  const published: string[] = []
  for (const offer of offersFor(options.instanceTypes)) {
    const place = offer.isGlobal ? 'current' : `current/${region}`
    const url = `${options.from}/offers/v1.0/aws/${offer.name}/${place}/index.csv`
    options.onFile(url)
    published.push(await readOffer(url, offer, prices, options.onRow))
  }
  const source = `AWS Price List, published ${published.sort()[0]?.slice(0, 10)} or later`
  return { date: options.today, source, prices, notVerified: {} }
}

function offersFor(instanceTypes: readonly string[]): Offer[] {
  const instances = instanceTypes.map((type) => ({
    usage: `BoxUsage:${type}`,
    operation: 'RunInstances',
    set(prices: Prices, usd: number) {
      prices.instanceHour[type] = usd
    },
  }))
  const volumes = [
    figure('EBS:VolumeUsage.gp3', 'gp3GbMonth'),
    figure('EBS:SnapshotUsage', 'snapshotGbMonth'),
  ]
  return [
    { name: 'AmazonEC2', wanted: [...instances, ...volumes] },
    { name: 'AmazonVPC', wanted: [figure('PublicIPv4:InUseAddress', 'publicIpv4Hour')] },
    { name: 'AmazonS3', wanted: [figure('TimedStorage-ByteHrs', 's3GbMonth')] },
    { name: 'AmazonCloudWatch', wanted: [figure('CW:AlarmMonitorUsage', 'alarmMonth')] },
    {
      name: 'AmazonRoute53',
      isGlobal: true,
      wanted: [figure('Health-Check-AWS', 'healthCheckMonth')],
    },
  ]
}

function figure(usage: string, name: Figure): Wanted {
  return {
    usage,
    set(prices, usd) {
      prices[name] = usd
    },
  }
}

/** Takes what is wanted from a file of up to hundreds of megabytes; gives its date. */
async function readOffer(
  url: string,
  { isGlobal, wanted }: Offer,
  prices: Prices,
  onRow: (rows: number) => void,
): Promise<string> {
  const found = new Map<Wanted, { usd: number; from: number }>()
  let published = ''
  let columns: string[] | undefined
  let rows = 0
  for await (const line of await linesOf(url)) {
    rows += 1
    if (rows % 1000 === 0) onRow(rows)
    if (line.startsWith('"SKU"')) columns = fieldsOf(line).map((name) => name.toLowerCase())
    else if (columns === undefined) published ||= /^"Publication Date","(.*)"/.exec(line)?.[1] ?? ''
    else if (wanted.some(({ usage }) => line.includes(usage))) take(columns, fieldsOf(line))
  }
  for (const one of wanted) {
    const price = found.get(one)
    if (!price) throw new Error(`${url} has no price of ${one.usage}: has AWS changed its format?`)
    one.set(prices, price.usd)
  }
  return published

  function take(names: string[], fields: string[]) {
    const row = Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']))
    const one = wanted.find((candidate) => isOf(candidate, row))
    const usd = Number(row.priceperunit)
    const from = Number(row.startingrange)
    // Local zones share a region's file at prices of their own.
    const isHere = isGlobal || row['location type'] === 'AWS Region'
    if (!one || !isHere || row.termtype !== 'OnDemand' || !(usd > 0)) return
    if (from < (found.get(one)?.from ?? Number.POSITIVE_INFINITY)) found.set(one, { usd, from })
  }
}

function isOf({ usage, operation }: Wanted, row: Record<string, string>): boolean {
  const type = row.usagetype ?? ''
  const isUsage = type === usage || type.endsWith(`-${usage}`)
  return isUsage && (operation === undefined || row.operation === operation)
}

async function linesOf(url: string): Promise<AsyncIterable<string>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error) => {
    const { cause = error } = error as { cause?: NodeJS.ErrnoException }
    const reason = cause.code ?? cause.message
    throw new Error(`${url} cannot be fetched (${reason}): check your connection and try again`)
  })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    throw new Error(`${url} answers ${response.status}: check the name of the region`)
  }
  return createInterface({ input: Readable.fromWeb(response.body as ReadableStream) })
}

/** The fields of a line of CSV, which AWS quotes or leaves empty. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
