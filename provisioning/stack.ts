import * as pulumi from '@pulumi/pulumi'
import { type Config, readConfig } from './config.ts'

/** The settings of the stack that Pulumi runs for. */
export function readStack(): Config {
  try {
    return readConfig({
      project: pulumi.getProject(),
      stack: pulumi.getStack(),
      values: pulumi.runtime.allConfig(),
      secrets: JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || '[]'),
    })
  } catch (error) {
    // Pulumi prints the stack of any other error.
    throw new pulumi.RunError((error as Error).message)
  }
}
