import type { EnumShape, FieldShape, RecordShape, Shape } from '../schema/shape.ts'
import { shortName } from '../schema/shape.ts'
import { quote, widthMax } from './write-literal.ts'

/** True if constructors take something else than handlers get: some field, however deep, has a default. */
export function hasInputOfItsOwn(record: RecordShape, visited = new Set<Shape>()): boolean {
  if (visited.has(record)) return false
  visited.add(record)
  return record.fields.some((field) => {
    const inner = recordAt(field.shape)
    return field.default !== undefined || (inner !== undefined && hasInputOfItsOwn(inner, visited))
  })
}

/** The interface of a record, and that of its input where it differs. */
export function recordTypes(record: RecordShape): string {
  const name = shortName(record.name)
  const data = `${tsDoc(record.doc, '')}export interface ${name} {\n${fieldsOf(record, false)}}\n`
  if (!hasInputOfItsOwn(record)) return data
  const doc = `{@link ${name}} as it is given: fields with a default may be left out.`
  return `${data}\n${tsDoc(doc, '')}export interface ${name}Input {\n${fieldsOf(record, true)}}\n`
}

export function enumType(shape: EnumShape): string {
  const name = shortName(shape.name)
  const symbols = shape.symbols.map(quote)
  const line = `export type ${name} = ${symbols.join(' | ')}`
  const text = line.length <= widthMax ? line : `export type ${name} =\n  | ${symbols.join('\n  | ')}`
  return `${tsDoc(shape.doc, '')}${text}\n`
}

/** A TSDoc comment, wrapped; nothing for nothing. */
export function tsDoc(doc: string | undefined, indent: string, more: readonly string[] = []): string {
  const text = doc?.trim().replaceAll('*/', '*\\/') ?? ''
  if (text === '' && more.length === 0) return ''
  const lines = [
    ...text.split('\n').flatMap((line) => wrap(line.trim(), widthMax - indent.length - 3)),
    ...more,
  ]
  const [only] = lines
  if (lines.length === 1 && only !== undefined && indent.length + only.length + 7 <= widthMax) {
    return `${indent}/** ${only} */\n`
  }
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`
}

function fieldsOf(record: RecordShape, isInput: boolean): string {
  return record.fields.map((field) => fieldOf(field, isInput)).join('')
}

function fieldOf(field: FieldShape, isInput: boolean): string {
  const isOptional = isInput && field.default !== undefined
  const more = isOptional ? [`Default: ${JSON.stringify(field.default).replaceAll('*/', '*\\/')}`] : []
  const type = typeOf(field.shape, isInput)
  return `${tsDoc(field.doc, '  ', more)}  readonly ${field.name}${isOptional ? '?' : ''}: ${type}${isOptional ? ' | undefined' : ''}\n`
}

function typeOf(shape: Shape, isInput: boolean): string {
  switch (shape.kind) {
    case 'boolean':
      return 'boolean'
    case 'string':
    case 'uuid':
      return 'string'
    case 'int':
    case 'long':
    case 'timestamp-millis':
    case 'float':
    case 'double':
      return 'number'
    case 'bytes':
    case 'fixed':
      return 'Uint8Array'
    case 'enum':
      return shortName(shape.name)
    case 'record':
      return `${shortName(shape.name)}${isInput && hasInputOfItsOwn(shape) ? 'Input' : ''}`
    case 'nullable':
      return `${typeOf(shape.of, isInput)} | null`
    case 'map':
      return `Readonly<Record<string, ${typeOf(shape.values, isInput)}>>`
    case 'array': {
      const items = typeOf(shape.items, isInput)
      return `readonly ${shape.items.kind === 'array' || shape.items.kind === 'nullable' ? `(${items})` : items}[]`
    }
  }
}

function recordAt(shape: Shape): RecordShape | undefined {
  switch (shape.kind) {
    case 'record':
      return shape
    case 'array':
      return recordAt(shape.items)
    case 'map':
      return recordAt(shape.values)
    case 'nullable':
      return recordAt(shape.of)
    default:
      return undefined
  }
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
