import avro from 'avsc'
import { messageOf } from '../embedded-error.ts'
import { registryErrors } from './registry-error.ts'

/** A schema that others refer to, ready to be parsed before them. */
export interface NamedText {
  name: string
  text: string
}

/**
 * Parses an Avro schema, after the schemas it refers to (dependencies first).
 * @throws RegistryError 42201, saying what is wrong with which of them.
 */
export function parseAvro(text: string, dependencies: readonly NamedText[] = []): avro.Type {
  const registry: Record<string, avro.Type> = {}
  for (const dependency of dependencies) parseOne(dependency.text, registry, `reference ${dependency.name}: `)
  return parseOne(text, registry, '')
}

function parseOne(text: string, registry: Record<string, avro.Type>, where: string): avro.Type {
  try {
    const schema = JSON.parse(text) as avro.Schema
    return avro.Type.forSchema(schema, {
      registry,
      noAnonymousTypes: true,
      omitRecordMethods: true,
      // Wrapped unions take every union that Avro allows; only the schema matters here, no values.
      wrapUnions: true,
    })
  } catch (error) {
    throw registryErrors.invalidSchema(`${where}${messageOf(error)}`)
  }
}
