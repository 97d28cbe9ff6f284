import { messageOf } from '@troupe/core'
import { readSchemas } from '../generate/read-schemas.ts'
import { readHistory, type Version } from './git-history.ts'
import { type Incompatibility, incompatibilities } from './incompatibilities.ts'

/** A schema file that does not agree with one of its earlier versions, or is gone. */
export interface Conflict {
  readonly file: string
  readonly version: Version
  /** Empty if the file is gone. */
  readonly problems: readonly Incompatibility[]
}

export interface Compatibility {
  readonly conflicts: readonly Conflict[]
  readonly schemaCount: number
  /** How many earlier versions were compared. */
  readonly versionCount: number
  /** What could not be compared, a sentence each. */
  readonly notes: readonly string[]
}

/**
 * Holds the schemas on disk against every committed version: each must read the other's events.
 *
 * All versions and not only the last, because a replay reads them all: of three versions that agree pair by
 * pair, the third may well fail on the first, when a field went and came back as something else.
 *
 * @param base compare only with what stood at this commit and came after: after a break that was meant
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` for a file on disk, `TROUPE_SETTING_INVALID` for git
 */
export async function checkCompatibility(dir: string, base?: string): Promise<Compatibility> {
  const schemas = await readSchemas(dir)
  const { versions, isShallow } = await readHistory(dir, base)
  const notes: string[] = []
  if (isShallow) {
    notes.push(
      'This clone is shallow: older versions could not be compared. Fetch them: git fetch --unshallow.',
    )
  }
  const conflicts: Conflict[] = []
  const present = new Set(schemas.map(({ file }) => file))
  for (const { file, schema } of schemas) {
    const earlier = versions.filter((version) => version.file === file)
    if (earlier.length === 0) notes.push(`${file} was never committed: there is nothing to compare it with.`)
    const reported = new Set<string>()
    for (const version of earlier) {
      const problems = problemsWith(schema, version, notes).filter(({ path, problem }) => {
        const line = `${path} ${problem}`
        return !reported.has(line) && reported.add(line)
      })
      if (problems.length > 0) conflicts.push({ file, version, problems })
    }
  }
  const gone = new Set<string>()
  for (const version of versions) {
    if (present.has(version.file) || gone.has(version.file)) continue
    gone.add(version.file)
    conflicts.push({ file: version.file, version, problems: [] })
  }
  return { conflicts, schemaCount: schemas.length, versionCount: versions.length, notes }
}

function problemsWith(schema: object, version: Version, notes: string[]): readonly Incompatibility[] {
  try {
    return incompatibilities(schema, JSON.parse(version.text))
  } catch (error) {
    notes.push(
      `${version.file} was no Avro schema on ${version.date} (${version.commit.slice(0, 10)}), so that version was not compared: ${messageOf(error)}`,
    )
    return []
  }
}
