import type { Config } from '../../provisioning/config.ts'
import { monthlyCost, readPrices, usd } from './cost/monthly.ts'

/** What a stack will cost, in a sentence. */
export function costText(settings: Config): string {
  const { region, instanceType, volumeSizeGiB, alarmEmail, backupRegion, machines } = settings
  try {
    const config = {
      region,
      instanceType,
      volumeGb: volumeSizeGiB,
      backupBuckets: backupRegion === '' ? 1 : 2,
      alarms: alarmEmail !== '',
      machines,
    }
    const { perMonth, date } = monthlyCost(config, readPrices())
    if (machines > 1) {
      const rest = 'without load balancer and DynamoDB, whose prices could not be verified'
      return `${machines} × ${instanceType} in ${region} cost about ${usd(perMonth)} per month (prices of ${date}), ${rest}`
    }
    return `${instanceType} in ${region} costs about ${usd(perMonth)} per month (prices of ${date})`
  } catch (error) {
    return (error as Error).message
  }
}

/** An upper bound, as snapshots of one volume share what has not changed. */
export function snapshotCostText(region: string, bytes: number): string {
  const price = readPrices().regions[region]?.prices.snapshotGbMonth
  if (price === undefined) return 'price unknown'
  return `at most ${usd((bytes / 2 ** 30) * price)} per month`
}
