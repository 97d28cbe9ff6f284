import { describe, expect, it } from '@jest/globals'
import { parseAvro } from './avro.ts'
import { problemsOf } from './compatibility.ts'
import { compatibilities, type Compatibility } from './state.ts'

type Schema = string | object
const parse = (schema: Schema) => parseAvro(JSON.stringify(schema))
const record = (...fields: object[]) => ({ type: 'record', name: 'Order', namespace: 'shop', fields })
const id = { name: 'id', type: 'string' }
const note = { name: 'note', type: 'string' }
const noteWithDefault = { ...note, default: '' }

/** Which of the modes accept `next` after `versions`. */
function acceptedBy(versions: Schema[], next: Schema): Compatibility[] {
  const earlier = versions.map((schema, index) => ({ version: index + 1, type: parse(schema) }))
  return compatibilities.filter((mode) => problemsOf(parse(next), earlier, mode).length === 0)
}

const all = [...compatibilities]
const backward: Compatibility[] = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE']
const forward: Compatibility[] = ['NONE', 'FORWARD', 'FORWARD_TRANSITIVE']

describe('problemsOf', () => {
  it.each<[string, Schema[], Schema, Compatibility[]]>([
    ['the same schema', [record(id)], record(id), all],
    ['the first schema', [], record(id), all],
    ['a new field with a default', [record(id)], record(id, noteWithDefault), all],
    ['a new field without a default', [record(id)], record(id, note), forward],
    ['a field taken away that had no default', [record(id, note)], record(id), backward],
    ['a field taken away that had a default', [record(id, noteWithDefault)], record(id), all],
    ['int made long', ['int'], 'long', backward],
    ['long made int', ['long'], 'int', forward],
    ['string and bytes', ['string'], 'bytes', all],
    ['string made int', ['string'], 'int', ['NONE']],
    ['a union with one more branch', [['null', 'int']], ['null', 'int', 'string'], backward],
    [
      'a field renamed with an alias',
      [record(note)],
      record({ name: 'remark', type: 'string', aliases: ['note'] }),
      backward,
    ],
    [
      'a symbol more',
      [{ type: 'enum', name: 'E', symbols: ['A'] }],
      { type: 'enum', name: 'E', symbols: ['A', 'B'] },
      backward,
    ],
    [
      'a symbol more, where readers have a default',
      [{ type: 'enum', name: 'E', symbols: ['A'], default: 'A' }],
      { type: 'enum', name: 'E', symbols: ['A', 'B'], default: 'A' },
      all,
    ],
    ['another namespace', [{ ...record(id), namespace: 'old' }], record(id), all],
    ['another name', [{ ...record(id), name: 'Basket' }], record(id), ['NONE']],
  ])('%s', (_, versions, next, accepted) => {
    expect(acceptedBy(versions, next)).toEqual(accepted)
  })

  it('compares with the latest version only, unless transitive', () => {
    // `note` was a string in version 1, gone in version 2, and comes back as a number.
    const retyped = acceptedBy(
      [record(id, note), record(id)],
      record(id, { name: 'note', type: 'int', default: 0 }),
    )
    expect(retyped).toEqual(['NONE', 'BACKWARD', 'FORWARD', 'FULL'])
  })

  it('names every field that is in the way, with its path, the version and the direction', () => {
    const line = (...fields: object[]) => ({ type: 'array', items: { type: 'record', name: 'Line', fields } })
    const before = record(id, { name: 'lines', type: line({ name: 'price', type: 'string' }) })
    const after = record(note, id, { name: 'lines', type: line({ name: 'price', type: 'int' }) })
    const problems = problemsOf(parse(after), [{ version: 7, type: parse(before) }], 'BACKWARD')
    expect(problems).toEqual([
      'the new schema cannot read version 7: shop.Order.note has no default and is not in the written schema',
      'the new schema cannot read version 7: shop.Order.lines[].price: cannot read "string" as "int"',
    ])
    const symbols = (...names: string[]) => ({ type: 'enum', name: 'E', symbols: names })
    const dropped = problemsOf(
      parse(symbols('A')),
      [{ version: 1, type: parse(symbols('A', 'B', 'C')) }],
      'FULL',
    )
    expect(dropped).toEqual([expect.stringContaining('the symbols B, C are unknown')])
  })

  it('ends for schemas that contain themselves', () => {
    const tree = (value: object) => ({
      type: 'record',
      name: 'Tree',
      fields: [value, { name: 'children', type: { type: 'array', items: 'Tree' } }],
    })
    const before = { version: 1, type: parse(tree({ name: 'v', type: 'string' })) }
    expect(problemsOf(parse(tree({ name: 'v', type: 'int' })), [before], 'BACKWARD')).toHaveLength(1)
    expect(problemsOf(parse(tree({ name: 'v', type: 'bytes' })), [before], 'FULL')).toEqual([])
  })
})
