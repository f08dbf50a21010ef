import * as pulumi from '@pulumi/pulumi'
import { type Config, readConfig } from './config.ts'

/** The settings of the stack that Pulumi is running. */
export function readStack(): Config {
  try {
    return readConfig({
      project: pulumi.getProject(),
      stack: pulumi.getStack(),
      values: pulumi.runtime.allConfig(),
      secrets: JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || '[]'),
    })
  } catch (error) {
    // Pulumi prints a stack trace for any other error.
    throw new pulumi.RunError((error as Error).message)
  }
}
