import assert from 'node:assert/strict'

export interface WrittenFile {
  path: string
  permissions: string
  content: string
}

/** The files of a cloud-config, as cloud-init reads them from its YAML. */
export function writtenFiles(cloudConfig: string): WrittenFile[] {
  const [, list = ''] = cloudConfig.split('\nwrite_files:\n')
  return list.split(/^-\n/m).flatMap((entry) => {
    if (entry === '') return []
    const [, path, permissions = '0644', block] =
      /^ path: (\S+)\n(?: permissions: '(\d{4})'\n)? content: \|\n((?:(?: {2}.*)?\n)+)$/.exec(
        entry,
      ) ?? []
    assert.ok(path && block, `not an entry: ${entry.slice(0, 200)}`)
    assert.doesNotMatch(block, /^ {3}|^\n/, 'its first line sets the indentation')
    return [{ path, permissions, content: block.replace(/^ {2}/gm, '') }]
  })
}
