import * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'

/**
 * Puts the project, the stack and a name on whatever can bear tags. The provider's defaultTags would
 * need a provider of our own, which knows nothing of the stack's other `aws:` settings.
 */
export function tagEverything(config: Config) {
  pulumi.runtime.registerStackTransformation(({ name, props, opts }) => {
    // Every resource that can bear tags has this input, if only undefined.
    if (!('tags' in props)) return undefined
    return { props: { ...props, tags: { ...tagsOf(config, name), ...props.tags } }, opts }
  })
}

export function tagsOf({ project, stack, name }: Config, resource: string) {
  return { Name: `${name}-${resource}`, Project: project, Stack: stack, ManagedBy: 'Pulumi' }
}
