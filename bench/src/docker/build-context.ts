import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { root } from './docker.ts'

const left = new Set(['node_modules', 'dist', '.git', '.turbo'])

/** A copy of the repository to build images from, so that a file of it can be edited. */
export interface BuildContext {
  readonly folder: string
  /** Changes a source file of one service, as somebody who works on it does. */
  edit(service: string): Promise<void>
  remove(): Promise<void>
}

export async function createBuildContext(): Promise<BuildContext> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-build-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    await cp(root, folder, { recursive: true, filter: (source) => !left.has(basename(source)) })
  } catch (error) {
    await remove()
    throw error
  }
  let edits = 0
  return {
    folder,
    edit(service) {
      edits += 1
      const file = join(folder, 'services', service, 'src', `${service}.ts`)
      return appendFile(file, `\nexport const edited${edits} = ${Date.now()}\n`)
    },
    remove,
  }
}
