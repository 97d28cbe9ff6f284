import { execFile, execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { runCli } from '../cli/run-cli.ts'

const root = resolve(import.meta.dirname, '../../../..')
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-generate-'))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

const state = { type: 'enum', name: 'State', doc: 'How it stands.', symbols: ['OPEN', 'DONE'] }
const address = {
  type: 'record',
  name: 'Address',
  doc: 'Where.',
  fields: [field('country', 'string'), field('city', 'string', '')],
}
const everything = [
  field('flag', 'boolean'),
  field('small', 'int'),
  field('large', 'long', 5),
  field('single', 'float'),
  field('twofold', 'double'),
  field('raw', 'bytes'),
  field('hash', { type: 'fixed', name: 'Hash', size: 4 }),
  field('uid', { type: 'string', logicalType: 'uuid' }),
  field('at', { type: 'long', logicalType: 'timestamp-millis' }),
  field('state', state, 'OPEN'),
  field('states', { type: 'array', items: ['null', 'State'] }),
  field('grid', { type: 'array', items: { type: 'array', items: 'int' } }),
  field('shipTo', address),
  field('others', { type: 'map', values: 'Address' }),
  field('note', ['null', 'string'], null),
]

describe('generate', () => {
  it('writes types and constructors that compile under strict settings and say what they mean', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', everything))
    await write('order/OrderCancelled.avsc', schemaOf('OrderCancelled', 'order', [field('shipTo', address)]))
    await write(
      'card-payment/PaymentFailed.avsc',
      schemaOf('PaymentFailed', 'shop.card_payment', [field('billTo', { ...address, namespace: 'bill' })]),
    )
    expect((await run('generate')).code).toBe(0)
    await write('src/use.ts', use)
    await compile()
  })

  it('exports every name by name, with the owner in front of types that several owners have', async () => {
    await write(
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [field('shipTo', address), field('state', state)]),
    )
    await write(
      'card-payment/PaymentFailed.avsc',
      schemaOf('PaymentFailed', 'card_payment', [field('billTo', address)]),
    )
    await run('generate')
    const index = await readFile(join(dir, 'src/index.ts'), 'utf8')
    expect(index).toContain('type Address as CardPaymentAddress')
    expect(index).toContain('type AddressInput as OrderAddressInput')
    expect(index).toContain('type State,')
    expect(index).not.toContain('*')
  })

  it('writes an index that is formatted already', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', everything))
    await write('stock/StockCounted.avsc', schemaOf('StockCounted', 'stock', []))
    await run('generate')
    const written = await readFile(join(dir, 'src/index.ts'), 'utf8')
    const biome = join(root, 'node_modules/.bin/biome')
    const options = { cwd: root, input: written, encoding: 'utf8' } as const
    expect(execFileSync(biome, ['format', '--stdin-file-path=schemas/src/index.ts'], options)).toBe(written)
  })

  it('does nothing the second time', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', everything))
    expect((await run('generate')).out).toContain('wrote')
    const second = await run('generate')
    expect(second.out).toContain('everything generated is up to date')
    expect(second.code).toBe(0)
  })

  it('finds drift without touching a file', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', []))
    const before = await run('generate', '--check')
    expect(before.error).toContain('src/generated/order.ts is missing')
    expect(before.code).toBe(1)
    expect(await readdir(dir)).toEqual(['order'])
    await run('generate')
    expect((await run('generate', '--check')).code).toBe(0)
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', [field('more', 'int')]))
    const after = await run('generate', '--check')
    expect(after.error).toContain('src/generated/order.ts is not up to date')
    expect(after.error).toContain('Run `troupe-avro generate')
    expect(after.code).toBe(1)
  })

  it('removes what it wrote for an owner that is gone, and nothing else', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', []))
    await write('stock/StockCounted.avsc', schemaOf('StockCounted', 'stock', []))
    await run('generate')
    await write('src/generated/by-hand.ts', '// mine\n')
    await rm(join(dir, 'stock'), { recursive: true })
    expect((await run('generate', '--check')).error).toContain('stock.ts is left over')
    await run('generate')
    expect(await readdir(join(dir, 'src/generated'))).toEqual(['by-hand.ts', 'order.ts'])
  })
})

describe('schema files are refused', () => {
  it.each<[string, string, unknown, string]>([
    ['that are not JSON', 'order/OrderReceived.avsc', '{', 'is not JSON'],
    [
      'that are named otherwise',
      'order/OrderReceived.avsc',
      schemaOf('OrderPlaced', 'order', []),
      'defines "OrderPlaced". Give the record the name of the file, OrderReceived',
    ],
    [
      'that are not in PascalCase',
      'order/orderReceived.avsc',
      schemaOf('orderReceived', 'order', []),
      'PascalCase',
    ],
    [
      'of another owner’s namespace',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'payment', []),
      'has the namespace "payment". Let it end in its owner\'s name: "order"',
    ],
    [
      'of no namespace',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', undefined, []),
      'has the namespace ""',
    ],
    [
      'of an owner that cannot be a service',
      'Order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'Order', []),
      'has an owner that cannot be a service',
    ],
    [
      'with a record that says nothing',
      'order/OrderReceived.avsc',
      { ...schemaOf('OrderReceived', 'order', []), doc: ' ' },
      'defines order.OrderReceived, which has no "doc"',
    ],
    [
      'with a field that says nothing',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [{ name: 'note', type: 'string' }]),
      'field note of order.OrderReceived has no "doc"',
    ],
    [
      'with a nested field that says nothing',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [
        field('shipTo', { ...address, fields: [{ name: 'country', type: 'string' }] }),
      ]),
      'field country of order.Address has no "doc"',
    ],
    [
      'with a key that is none',
      'order/OrderReceived.avsc',
      { ...schemaOf('OrderReceived', 'order', []), key: 'id' },
      'names "id" as its key',
    ],
    [
      'with a field that cannot be',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [field('price', { type: 'bytes', logicalType: 'decimal' })]),
      'field price is a decimal',
    ],
    [
      'with a type named as TypeScript names one',
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [field('r', { ...address, name: 'Record' })]),
      'whose TypeScript name Record is taken',
    ],
    [
      'beside the owners',
      'OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', []),
      'lies beside the owners',
    ],
    [
      'one folder too deep',
      'order/old/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', []),
      'one folder too deep',
    ],
  ])('%s', async (_, path, schema, problem) => {
    await write(path, schema)
    const { code, error } = await run('generate')
    expect(error).toContain(problem)
    expect(error).toContain(path.split('/').slice(0, 2).join('/'))
    expect(code).toBe(1)
  })

  it('that define one type differently', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', [field('shipTo', address)]))
    await write(
      'order/OrderCancelled.avsc',
      schemaOf('OrderCancelled', 'order', [field('shipTo', { ...address, doc: 'Elsewhere.' })]),
    )
    const { error } = await run('generate')
    expect(error).toContain(
      'order/OrderReceived.avsc and order/OrderCancelled.avsc define order.Address differently',
    )
  })

  it('that define one event for two owners', async () => {
    await write('order/OrderReceived.avsc', schemaOf('OrderReceived', 'order', []))
    await write('shop/OrderReceived.avsc', schemaOf('OrderReceived', 'shop', []))
    expect((await run('generate')).error).toContain(
      'shop/OrderReceived.avsc defines an event that order/OrderReceived.avsc defines too',
    )
  })

  it('that define two types of one short name', async () => {
    const nested = { ...address, namespace: 'other' }
    await write(
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [field('a', address), field('b', nested)]),
    )
    expect((await run('generate')).error).toContain('TypeScript name Address is taken by order.Address')
  })

  it('that define a type by the name of an event’s input', async () => {
    const nested = { ...address, name: 'OrderReceivedInput', fields: [field('x', 'int')] }
    await write(
      'order/OrderReceived.avsc',
      schemaOf('OrderReceived', 'order', [field('a', nested), field('b', 'int', 1)]),
    )
    expect((await run('generate')).error).toContain('OrderReceivedInput is taken')
  })

  it('that are none at all', async () => {
    expect((await run('generate')).error).toContain('holds no schemas')
    dir = join(dir, 'nowhere')
    expect((await run('generate')).error).toContain('cannot be read')
  })
})

describe('troupe-avro', () => {
  it.each([
    [[]],
    [['generate']],
    [['generate', 'a', 'b']],
    [['sing', 'a']],
    [['generate', 'a', '--loud']],
    [['compat', 'a', '--check']],
    [['generate', 'a', '--base', 'x']],
  ])('explains itself when it is called wrongly: %j', async (args) => {
    const { code, error } = await cli(args)
    expect(error).toContain('troupe-avro generate <schemas-dir>')
    expect(code).toBe(2)
  })

  it('explains itself when it is asked to', async () => {
    const { code, out } = await cli(['--help'])
    expect(out).toContain('--check')
    expect(out).toContain('--base')
    expect(code).toBe(0)
  })
})

const use = `
import { OrderReceived, type OrderReceivedInput, OrderCancelled, PaymentFailed, type OrderAddress, type State } from './index.ts'

const input: OrderReceivedInput = {
  orderId: 'o1', flag: true, small: 1, single: 1, twofold: 1, raw: new Uint8Array(), hash: new Uint8Array(4), uid: 'u', at: 0,
  states: [null, 'DONE'], grid: [[1]], shipTo: { country: 'DE' }, others: { a: { country: 'DE', city: undefined } },
}
const data: OrderReceived = OrderReceived.complete(input)
const facts: [string, number, State, OrderAddress, string | null, 'OrderReceived'] =
  [data.shipTo.city, data.large, data.state, data.shipTo, data.note, OrderReceived.type]
// @ts-expect-error: a field without a default is required
OrderReceived({ ...input, flag: undefined })
// @ts-expect-error: an enum has its symbols only
OrderReceived({ ...input, state: 'LOST' })
// @ts-expect-error: no other fields
OrderCancelled({ orderId: 'o1', shipTo: { country: 'DE' }, typo: 1 })
// @ts-expect-error: data is read only
data.large = 1
export const drafts = [facts, PaymentFailed({ orderId: 'o1', billTo: { country: 'DE' } })]
`

async function compile(): Promise<void> {
  for (const name of ['avro', 'core']) {
    await mkdir(join(dir, 'node_modules/@troupe'), { recursive: true })
    await symlink(join(root, 'packages', name), join(dir, 'node_modules/@troupe', name))
  }
  await write('package.json', { type: 'module' })
  await write('tsconfig.json', {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      composite: false,
      rootDir: '/',
      customConditions: ['@troupe/source'],
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: ['src'],
  })
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', dir]).catch(
    (error: { stdout?: string }) => {
      throw new Error(error.stdout)
    },
  )
}

function field(name: string, type: unknown, value?: unknown) {
  return {
    name,
    type,
    doc: `The ${name}; it's "so" */ \\ here.`,
    ...(value === undefined ? {} : { default: value }),
  }
}

function schemaOf(name: string, namespace: string | undefined, fields: readonly object[]) {
  return {
    type: 'record',
    name,
    namespace,
    doc: 'An event.',
    key: 'orderId',
    fields: [field('orderId', 'string'), ...fields],
  }
}

async function write(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true })
  await writeFile(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content))
}

function run(command: string, ...args: readonly string[]) {
  return cli([command, dir, ...args])
}

async function cli(args: readonly string[]) {
  const out: string[] = []
  const error: string[] = []
  const code = await runCli(args, { out: (text) => out.push(text), error: (text) => error.push(text) })
  return { code, out: out.join('\n'), error: error.join('\n') }
}
