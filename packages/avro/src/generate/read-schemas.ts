import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AvroRecordSchema, messageOf, TroupeError } from '@troupe/core'
import { type EventSchema, readEventSchema } from '../event/avro-event.ts'
import { refuseSchema } from '../schema/parse-schema.ts'
import type { FieldShape, RecordShape, Shape } from '../schema/shape.ts'

/** One schema file, read and found good. */
export interface SchemaFile extends EventSchema {
  /** `<owner>/<EventName>.avsc`, with slashes on every platform. */
  readonly file: string
  readonly owner: string
  /** The event's name. */
  readonly name: string
  readonly schema: AvroRecordSchema
}

/** Folders beside the owners' that never hold schemas. */
const otherFolders = new Set(['src', 'dist', 'node_modules', 'coverage'])

/**
 * Reads `<dir>/<owner>/<EventName>.avsc`, in the order of their names.
 *
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` naming the file, and the field where there is one.
 */
export async function readSchemas(dir: string): Promise<readonly SchemaFile[]> {
  const files: SchemaFile[] = []
  for (const { owner, name, file } of await listSchemas(dir)) {
    files.push(readSchemaFile(await readFile(join(dir, file), 'utf8'), { owner, name, file }))
  }
  refuseSharedNames(files)
  return files
}

export interface SchemaPlace {
  readonly owner: string
  readonly name: string
  readonly file: string
}

/** The schema files under a folder, unread. @throws TroupeError `TROUPE_SCHEMA_INVALID` for one that lies elsewhere. */
export async function listSchemas(dir: string): Promise<readonly SchemaPlace[]> {
  const places: SchemaPlace[] = []
  for (const entry of await entriesOf(dir)) {
    if (entry.name.endsWith('.avsc')) {
      refuse(entry.name, 'lies beside the owners. Move it into the folder of the service that emits it.')
    }
    if (!entry.isDirectory() || entry.name.startsWith('.') || otherFolders.has(entry.name)) continue
    for (const inside of await entriesOf(join(dir, entry.name))) {
      const file = `${entry.name}/${inside.name}`
      if (inside.isDirectory() && (await entriesOf(join(dir, file))).some(isSchema)) {
        refuse(file, 'holds schemas one folder too deep. Move them into the folder of their owner.')
      }
      if (isSchema(inside)) places.push({ owner: entry.name, name: inside.name.slice(0, -5), file })
    }
  }
  if (places.length === 0) {
    refuse(dir, 'holds no schemas. Write the first as <owner>/<EventName>.avsc in it.')
  }
  return places
}

/**
 * Parses one file and holds it against the rules for files.
 *
 * @throws TroupeError `TROUPE_SCHEMA_INVALID`
 */
export function readSchemaFile(text: string, { owner, name, file }: SchemaPlace): SchemaFile {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(owner)) {
    refuse(file, `has an owner that cannot be a service: use lower-case letters, digits and dashes.`)
  }
  let schema: AvroRecordSchema
  try {
    schema = JSON.parse(text) as AvroRecordSchema
  } catch (cause) {
    return refuse(file, `is not JSON: ${messageOf(cause)}`, cause)
  }
  const read = readEventSchema(schema, file)
  if (!/^[A-Z][A-Za-z0-9]*$/.test(name)) {
    refuse(
      file,
      'is not named for an event. Name the file in PascalCase and the past tense: OrderReceived.avsc.',
    )
  }
  if (schema.name !== name) {
    refuse(file, `defines ${JSON.stringify(schema.name)}. Give the record the name of the file, ${name}.`)
  }
  const namespace = read.shape.name.slice(0, -name.length - 1)
  if (namespace.slice(namespace.lastIndexOf('.') + 1) !== owner.replaceAll('-', '_')) {
    refuse(
      file,
      `has the namespace ${JSON.stringify(namespace)}. Let it end in its owner's name: ${JSON.stringify(owner.replaceAll('-', '_'))}.`,
    )
  }
  refuseUndocumented(read.shape, file)
  return { ...read, file, owner, name, schema }
}

function refuseUndocumented(record: RecordShape, file: string): void {
  const missing = 'has no "doc". Say in a sentence what it is: the schema is the contract.'
  for (const one of recordsIn(record)) {
    if (!one.doc?.trim()) refuse(file, `defines ${one.name}, which ${missing}`)
    const bare = one.fields.find(({ doc }: FieldShape) => !doc?.trim())
    if (bare) refuseSchema(file, bare.name, `of ${one.name} ${missing}`)
  }
}

/** A record and every record in it, each once. */
export function recordsIn(record: RecordShape): readonly RecordShape[] {
  return [...namedIn(record)].filter((shape) => shape.kind === 'record')
}

/** Every named type in a shape, itself included, each once and the innermost first. */
export function namedIn(shape: Shape, found = new Set<Shape>()): ReadonlySet<Shape> {
  switch (shape.kind) {
    case 'array':
      return namedIn(shape.items, found)
    case 'map':
      return namedIn(shape.values, found)
    case 'nullable':
      return namedIn(shape.of, found)
    case 'enum':
      return found.add(shape)
    case 'record': {
      if (found.has(shape)) return found
      found.add(shape)
      for (const field of shape.fields) namedIn(field.shape, found)
      // Added again at the end: what it holds comes before it.
      found.delete(shape)
      return found.add(shape)
    }
    default:
      return found
  }
}

function refuseSharedNames(files: readonly SchemaFile[]): void {
  const byName = new Map<string, SchemaFile>()
  for (const one of files) {
    const other = byName.get(one.name)
    if (other) {
      refuse(one.file, `defines an event that ${other.file} defines too. Give one of them another name.`)
    }
    byName.set(one.name, one)
  }
}

async function entriesOf(dir: string) {
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  } catch (cause) {
    return refuse(
      dir,
      `cannot be read: ${messageOf(cause)}. Name the folder that holds the owners' folders.`,
      cause,
    )
  }
}

function isSchema(entry: { readonly name: string; isFile(): boolean }): boolean {
  return entry.isFile() && entry.name.endsWith('.avsc')
}

function refuse(file: string, problem: string, cause?: unknown): never {
  throw new TroupeError('TROUPE_SCHEMA_INVALID', `${file} ${problem}`, { cause, details: { file } })
}
