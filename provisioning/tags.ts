import * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'

/**
 * Tags every taggable resource with project, stack and name. The provider's defaultTags would need an
 * explicit provider, which ignores the stack's other `aws:` settings.
 */
export function tagEverything(config: Config) {
  pulumi.runtime.registerStackTransformation(({ name, props, opts }) => {
    // Every taggable resource has this input, possibly undefined. An Auto Scaling group's is a list.
    if (!('tags' in props) || Array.isArray(props.tags)) return undefined
    return { props: { ...props, tags: { ...tagsOf(config, name), ...props.tags } }, opts }
  })
}

export function tagsOf({ project, stack, name }: Config, resource: string) {
  return { Name: `${name}-${resource}`, Project: project, Stack: stack, ManagedBy: 'Pulumi' }
}
