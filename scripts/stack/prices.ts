import type { Config } from '../../provisioning/config.ts'
import { readPrices, usd } from '../commands/cost.ts'
import { monthlyCost } from './cost/monthly.ts'

/** A sentence about what a stack will cost. */
export function tellCost({ region, instanceType, volumeSizeGiB, alarmEmail }: Config): string {
  try {
    const config = { region, instanceType, volumeGb: volumeSizeGiB, alarms: alarmEmail !== '' }
    const { perMonth, date } = monthlyCost(config, readPrices())
    return `${instanceType} in ${region} costs about ${usd(perMonth)} a month (prices of ${date})`
  } catch (error) {
    return (error as Error).message
  }
}

/** What snapshots cost a month at most: those of one volume share what has not changed. */
export function tellSnapshotCost(region: string, bytes: number): string {
  const price = readPrices().regions[region]?.prices.snapshotGbMonth
  if (price === undefined) return 'at a price that is not known here'
  return `at most ${usd((bytes / 2 ** 30) * price)} a month`
}
