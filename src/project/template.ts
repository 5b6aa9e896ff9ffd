// The built-in config.toml: what `init` writes, and at the same time the values of every key that a project's file leaves out.
import { readFileSync } from 'node:fs'
import { parse } from 'smol-toml'
import type { Tree } from './config/tree.ts'

const MARK = '{{ project_id }}'

/** The text of a new config.toml. */
export function configTemplate(projectId: string): string {
  return readFileSync(new URL('./template.toml', import.meta.url), 'utf8').replace(MARK, projectId)
}

export function templateValues(projectId: string): Tree {
  return parse(configTemplate(projectId)) as Tree
}
