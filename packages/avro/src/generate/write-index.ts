import { TroupeError } from '@troupe/core'
import { generatedMark, type OwnerFile } from './write-owner.ts'
import { widthMax } from './write-literal.ts'

/**
 * The index of all owners: events and their inputs by name; types of fields by name too, unless several
 * owners have a type of that name: then each with its owner in front, `OrderShipTo` and `PaymentShipTo`.
 *
 * Formatted as Biome does with the settings of this repository.
 */
export function writeIndex(owners: readonly OwnerFile[]): string {
  const taken = new Map<string, string>()
  const statements = owners.map((file) => {
    const names = [
      ...file.events.map((name) => ({ name, text: name })),
      ...file.inputs.map((name) => ({ name, text: `type ${name}` })),
      ...file.types.map((name) => exportedType(name, file, owners)),
    ]
    for (const { name } of names) {
      const other = taken.get(name)
      if (other !== undefined) refuseTwice(name, other, file.owner)
      taken.set(name, file.owner)
    }
    return exportStatement(
      names.map(({ text }) => text),
      `./generated/${file.owner}.ts`,
    )
  })
  return `${generatedMark}\n${statements.join('')}`
}

function exportedType(name: string, file: OwnerFile, owners: readonly OwnerFile[]) {
  const isShared = owners.some((other) => other !== file && other.types.includes(name))
  if (!isShared) return { name, text: `type ${name}` }
  const prefixed = `${pascalCase(file.owner)}${name}`
  return { name: prefixed, text: `type ${name} as ${prefixed}` }
}

function exportStatement(names: readonly string[], from: string): string {
  const line = `export { ${names.join(', ')} } from '${from}'\n`
  if (line.length - 1 <= widthMax) return line
  return `export {\n${names.map((name) => `  ${name},\n`).join('')}} from '${from}'\n`
}

function refuseTwice(name: string, one: string, other: string): never {
  throw new TroupeError(
    'TROUPE_SCHEMA_INVALID',
    `The index would export ${name} twice, of ${one} and of ${other}. Give one of the two types another name.`,
    { details: { name, owners: [one, other] } },
  )
}

function pascalCase(owner: string): string {
  return owner.replaceAll(/(?:^|-)([a-z0-9])/g, (_, char: string) => char.toUpperCase())
}
