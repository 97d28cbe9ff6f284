import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readSchemas, type SchemaFile } from './read-schemas.ts'
import { writeIndex } from './write-index.ts'
import { generatedMark, writeOwner } from './write-owner.ts'

/** A generated file that is not as its schemas want it. Paths are relative to the schemas' folder. */
export interface Drift {
  readonly path: string
  readonly state: 'missing' | 'different' | 'left over'
}

export interface Generated {
  /** Path to content. */
  readonly files: ReadonlyMap<string, string>
  readonly drift: readonly Drift[]
}

/**
 * Works out what is to be generated from a folder of schemas, and what differs on disk. Writes nothing.
 *
 * @throws TroupeError `TROUPE_SCHEMA_INVALID`
 */
export async function planGeneration(dir: string): Promise<Generated> {
  const files = render(await readSchemas(dir))
  const drift: Drift[] = []
  for (const [path, text] of files) {
    const present = await readIfThere(join(dir, path))
    if (present !== text) drift.push({ path, state: present === undefined ? 'missing' : 'different' })
  }
  for (const path of await leftOver(dir, files)) drift.push({ path, state: 'left over' })
  return { files, drift }
}

/** Writes what differs, and removes generated files whose owner has no schemas any more. */
export async function writeGeneration(dir: string, { files, drift }: Generated): Promise<void> {
  for (const { path, state } of drift) {
    const target = join(dir, path)
    if (state === 'left over') {
      await rm(target)
      continue
    }
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, files.get(path) ?? '')
  }
}

function render(schemas: readonly SchemaFile[]): ReadonlyMap<string, string> {
  const owners = [...new Set(schemas.map(({ owner }) => owner))].map((owner) =>
    writeOwner(
      owner,
      schemas.filter((schema) => schema.owner === owner),
    ),
  )
  return new Map([
    ...owners.map(({ owner, text }): [string, string] => [`src/generated/${owner}.ts`, text]),
    ['src/index.ts', writeIndex(owners)],
  ])
}

async function leftOver(dir: string, files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of await readdir(join(dir, 'src/generated')).catch(() => [])) {
    const path = `src/generated/${name}`
    if (files.has(path) || !name.endsWith('.ts')) continue
    const text = await readIfThere(join(dir, path))
    if (text?.startsWith(generatedMark)) found.push(path)
  }
  return found.toSorted()
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
