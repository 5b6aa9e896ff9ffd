// Where a stack keeps what it knows about itself, and which form a folder asks for.
import { join } from 'node:path'
import { isProject } from '../project/workdir.ts'
import type { StackDescription } from './description.ts'

export const stateDirOf = (workDir: string): string => join(workDir, '.plinth')

export const formOf = (workDir: string): StackDescription['form'] => (isProject(workDir) ? 'project' : 'self-hosted')

/** The present log file; older ones have numbers after it. */
export const logFileOf = (workDir: string): string => join(stateDirOf(workDir), 'logs', 'plinth.log')
