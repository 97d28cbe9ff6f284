// What whoever writes plain JavaScript, or `as any`, meets: the types refuse all of this.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { command } from './command.ts'
import { document } from './document.ts'
import { isTroupeError } from '../errors.ts'
import {
  HoldOverdue,
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  releaseStock,
  reserveStock,
  ShippingFailed,
  stock,
} from '../fixtures.test.kit.ts'
import { reaction, undo } from './reaction.ts'
import { service } from './service.ts'

type Fields = Readonly<Record<string, unknown>>

const react = () => {}
const perform = async () => {}

/** A declaration that is right, and what makes it. */
const declarations = {
  reaction: {
    right: {
      on: PaymentProcessed,
      emits: [InventoryReserved, InventoryFailed],
      deadline: {
        from: InventoryReserved,
        afterMs: 60_000,
        emit: HoldOverdue,
        data: () => ({}),
        liftedBy: [ShippingFailed],
      },
      final: true,
      reads: () => [],
      perform,
      breaker: { failuresMax: 3, pauseMs: 10, pauseMsMax: 100 },
      react,
      transact: undefined,
      retry: { attempts: 3, delayMs: 10, factor: 2, delayMsMax: 100, jitter: 0.1, followers: 'hold' },
    },
    made: reaction as (declared: unknown) => unknown,
    listed: (made: unknown) => ({ made }),
  },
  undo: {
    right: {
      undoes: InventoryReserved,
      on: [ShippingFailed, OrderWithdrawn],
      emits: [InventoryReleased],
      reads: () => [],
      perform,
      breaker: false,
      react: undefined,
      transact: undefined,
      retry: {},
    },
    made: (declared: unknown) =>
      (undo as (step: unknown, declared: unknown) => unknown)(reserveStock, declared),
    listed: (made: unknown) => ({ reserveStock, made }),
  },
  command: {
    right: { emits: [InventoryReleased], deadline: undefined, reads: () => [], react },
    made: command as (declared: unknown) => unknown,
    listed: undefined,
  },
  service: {
    right: {
      name: 'inventory',
      reactions: { reserveStock, releaseStock },
      commands: { release: command({ emits: [InventoryReleased], react }) },
      ends: { completed: [InventoryReserved], cancelled: [InventoryFailed], aside: [InventoryReleased] },
      topic: { partitions: 3, replication: 1, retentionMs: -1 },
      retry: { attempts: 2 },
      tables: [{ name: 'shelves', sql: 'CREATE TABLE shelf ()' }],
    },
    made: service,
    listed: undefined,
  },
  document: {
    right: { name: 'shelf', initial: () => ({}), parse: (stored: unknown) => stored },
    made: document,
    listed: undefined,
  },
} satisfies Record<string, { right: Fields; made: unknown; listed: unknown }>

type Kind = keyof typeof declarations
const kinds = Object.keys(declarations) as Kind[]

/** The right one but for one field, which may lie within another: `retry.factor`, `emits.0`. */
function but(kind: Kind, path: string, value: unknown): unknown {
  const right = kind === 'undo' ? { ...declarations.undo.right, react } : declarations[kind].right
  return path === '' ? value : changed(right, path.split('.'), value)
}

function changed(whole: unknown, [first = '', ...rest]: readonly string[], value: unknown): unknown {
  const copy: unknown = Array.isArray(whole) ? [...whole] : { ...(whole as Fields) }
  const fields = copy as Record<string, unknown>
  fields[first] = rest.length === 0 ? value : changed(fields[first], rest, value)
  return copy
}

function make(kind: Kind, declared: unknown): unknown {
  return declarations[kind].made(declared as never)
}

const draft = ShippingFailed({ orderId: 'o1' })
const { revoke, proxy: revoked } = Proxy.revocable({}, {})
revoke()
const bomb = {
  get attempts() {
    throw new RangeError('boom')
  },
}

describe('a wrong declaration', () => {
  it.each(kinds)('is not what the other tests take for right: %s', (kind) => {
    expect(() => make(kind, but(kind, 'unknown', undefined))).not.toThrow()
  })

  it.each<[Kind, string, unknown, string]>([
    ['reaction', '', null, 'The declaration of a reaction is null. Give `reaction` an object'],
    ['reaction', '', undefined, 'The declaration of a reaction is undefined.'],
    ['reaction', '', [], 'The declaration of a reaction is an empty list.'],
    ['reaction', '', 'on', 'The declaration of a reaction is "on".'],
    ['undo', '', null, 'The declaration of an undo is null. Give `undo` the step, and then an object'],
    ['command', '', null, 'The declaration of a command is null.'],
    ['service', '', null, 'The declaration of a service is null.'],
    ['document', '', null, 'The declaration of a document is null.'],
    ['document', '', new Map(), 'The declaration of a document is a Map.'],

    ['reaction', 'on', null, '`on` of a reaction is null. Give it an event type'],
    ['reaction', 'on', undefined, '`on` of a reaction is undefined.'],
    ['reaction', 'on', 'PaymentProcessed', '`on` of a reaction is "PaymentProcessed". Give it an event type'],
    [
      'reaction',
      'on',
      draft,
      '`on` of a reaction is an event of the type ShippingFailed. Give it an event type: what `avroEvent` made, not called.',
    ],
    [
      'reaction',
      'on',
      [PaymentProcessed, undefined],
      '`on[1]` of a reaction is undefined. Give it an event type; what two modules import of each other',
    ],
    ['undo', 'on', [null], '`on[0]` of an undo is null.'],
    [
      'reaction',
      'emits',
      null,
      '`emits` of the reaction to PaymentProcessed is null. Give it a list of event types.',
    ],
    ['reaction', 'emits', InventoryReserved, 'is the event type InventoryReserved. Give it a list'],
    ['reaction', 'emits.1', undefined, '`emits[1]` of the reaction to PaymentProcessed is undefined.'],
    ['command', 'emits', undefined, '`emits` of a command is undefined.'],
    [
      'undo',
      'emits.0',
      reserveStock,
      '`emits[0]` of the undo on ShippingFailed, OrderWithdrawn is a reaction.',
    ],
    ['undo', 'undoes', null, '`undoes` of the undo on ShippingFailed, OrderWithdrawn is null.'],

    ['reaction', 'react', 'x', '`react` of the reaction to PaymentProcessed is "x". Give it a function.'],
    ['reaction', 'react', null, '`react` of the reaction to PaymentProcessed is null. Give it a function.'],
    ['command', 'react', undefined, '`react` of the command that emits InventoryReleased is undefined.'],
    [
      'reaction',
      'perform',
      7,
      '`perform` of the reaction to PaymentProcessed is 7. Give it a function, or leave it out.',
    ],
    [
      'reaction',
      'reads',
      [stock('book')],
      '`reads` of the reaction to PaymentProcessed is a list of 1. Give it a function',
    ],
    ['command', 'reads', {}, '`reads` of the command that emits InventoryReleased is an object.'],
    ['document', 'initial', {}, '`initial` of document shelf is an object. Give it a function.'],
    ['document', 'parse', null, '`parse` of document shelf is null. Give it a function, or leave it out.'],

    [
      'reaction',
      'deadline',
      true,
      '`deadline` of the reaction to PaymentProcessed is true. Use an object of from, afterMs, emit, data or liftedBy',
    ],
    ['reaction', 'deadline', null, '`deadline` of the reaction to PaymentProcessed is null.'],
    ['reaction', 'deadline.from', null, '`deadline.from` of the reaction to PaymentProcessed is null.'],
    ['reaction', 'deadline.emit', null, '`deadline.emit` of the reaction to PaymentProcessed is null.'],
    [
      'reaction',
      'deadline.liftedBy',
      ShippingFailed,
      '`deadline.liftedBy` of the reaction to PaymentProcessed is the event type ShippingFailed. Give it a list',
    ],
    ['reaction', 'deadline.liftedBy', [undefined], '`deadline.liftedBy[0]` of'],
    [
      'reaction',
      'deadline.afterMs',
      Symbol('soon'),
      '`deadline.afterMs` of the reaction to PaymentProcessed is Symbol(soon), a symbol. Use a whole number from 0 to 315360000000.',
    ],
    ['reaction', 'deadline.afterMs', '60000', 'is "60000". Use a whole number'],
    [
      'reaction',
      'deadline.data',
      undefined,
      '`deadline.data` of the reaction to PaymentProcessed is undefined. Give it a function.',
    ],
    ['reaction', 'deadline.till', 5, 'has no "deadline.till". Use from, afterMs, emit, data or liftedBy.'],

    [
      'reaction',
      'retry',
      null,
      '`retry` of the reaction to PaymentProcessed is null. Use an object of attempts,',
    ],
    ['reaction', 'retry', new Map([['attempts', 3]]), 'is a Map. Use an object'],
    ['reaction', 'retry', bomb, '`retry` of the reaction to PaymentProcessed cannot be read: boom.'],
    ['reaction', 'retry', revoked, '`retry` of the reaction to PaymentProcessed cannot be read:'],
    [
      'reaction',
      'retry.attempts',
      3n,
      '`retry.attempts` of the reaction to PaymentProcessed is 3n, a bigint. Use a whole number from 1 to Infinity.',
    ],
    [
      'service',
      'retry.jitter',
      '0.5',
      '`retry.jitter` of service inventory is "0.5". Use a number from 0 to 1.',
    ],
    [
      'service',
      'retry.followers',
      1n,
      "`retry.followers` of service inventory is 1n, a bigint. Use 'release' or 'hold'.",
    ],
    [
      'reaction',
      'breaker.pauseMs',
      1n,
      '`breaker.pauseMs` of the reaction to PaymentProcessed is 1n, a bigint. Use a whole number from 1 to 3600000.',
    ],
    [
      'reaction',
      'breaker',
      true,
      '`breaker` of the reaction to PaymentProcessed is true. Use an object of failuresMax, pauseMs or pauseMsMax, or false',
    ],
    ['reaction', 'breaker', null, '`breaker` of the reaction to PaymentProcessed is null.'],
    [
      'reaction',
      'final',
      'no',
      '`final` of the reaction to PaymentProcessed is "no". Use true, or leave it out.',
    ],

    ['service', 'name', Symbol('s'), 'A service cannot be named Symbol(s), a symbol.'],
    ['service', 'name', ['inventory'], 'A service cannot be named a list of 1.'],
    [
      'service',
      'reactions',
      null,
      '`reactions` of service inventory is null. Use an object of reactions, each under its name.',
    ],
    ['service', 'reactions', [reserveStock], '`reactions` of service inventory is a list of 1.'],
    [
      'service',
      'reactions.other',
      undefined,
      '`reactions.other` of service inventory is undefined. Give it what `reaction` made',
    ],
    ['service', 'reactions.other', () => {}, '`reactions.other` of service inventory is a'],
    ['service', 'commands', null, '`commands` of service inventory is null.'],
    [
      'service',
      'commands.release',
      reserveStock,
      '`commands.release` of service inventory is a reaction. Give it what `command` made',
    ],
    [
      'service',
      'ends',
      null,
      '`ends` of service inventory is null. Use an object of completed, cancelled or aside',
    ],
    [
      'service',
      'ends.completed',
      InventoryReserved,
      '`ends.completed` of service inventory is the event type InventoryReserved. Give it a list',
    ],
    ['service', 'ends.aside', null, '`ends.aside` of service inventory is null.'],
    ['service', 'topic', null, '`topic` of service inventory is null.'],
    [
      'service',
      'topic.partitions',
      3n,
      '`topic.partitions` of service inventory is 3n, a bigint. Use a whole number from 1 to 10000.',
    ],
    [
      'service',
      'topic.retentionMs',
      -2,
      'is -2. Use a whole number from 1 to 9007199254740991, or -1 for ever.',
    ],
    [
      'service',
      'tables',
      { name: 'a' },
      '`tables` of service inventory is an object. Give it a list of migrations',
    ],
    [
      'service',
      'tables.0',
      'CREATE',
      '`tables[0]` of service inventory is "CREATE". Give it an object with `name` and `sql`.',
    ],
    [
      'service',
      'tables.0.sql',
      undefined,
      '`tables[0].sql` of service inventory is undefined. Give it a text.',
    ],
    [
      'service',
      'tables.0.sq',
      'x',
      'Service inventory has no "tables[0].sq". `tables[0].sql` is meant, or take it away.',
    ],
    ['document', 'name', undefined, 'A document cannot be named undefined.'],

    [
      'reaction',
      'rety',
      {},
      'The reaction to PaymentProcessed has no "rety". `retry` is meant, or take it away.',
    ],
    ['reaction', 'onn', PaymentProcessed, 'has no "onn". `on` is meant'],
    ['reaction', 'retry.delayMS', 5, 'has no "retry.delayMS". `retry.delayMs` is meant'],
    ['undo', 'deadline', {}, 'The undo on ShippingFailed, OrderWithdrawn has no "deadline". Use undoes, on,'],
    ['undo', 'final', true, 'has no "final". Use undoes, on,'],
    ['command', 'retry', {}, 'The command that emits InventoryReleased has no "retry".'],
    ['service', 'reaction', {}, 'Service inventory has no "reaction". `reactions` is meant'],
    ['document', 'inital', () => ({}), 'Document shelf has no "inital". `initial` is meant'],
  ])('%s is refused by name, with the value and what to give: %s', (kind, path, value, message) => {
    const error = refusal(() => make(kind, but(kind, path, value)))
    expect(error.code).toBe('TROUPE_DECLARATION_INVALID')
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/^[^\n]{1,300}\.$/)
  })

  it.each([null, undefined, {}, PaymentProcessed, command({ emits: [], react })])(
    'is an undo of a step that is no reaction: %p',
    (step) => {
      const error = refusal(() => undo(step as never, but('undo', 'final', undefined) as never))
      expect(error.code).toBe('TROUPE_DECLARATION_INVALID')
      expect(error.message).toMatch(
        /^The undo on .* undoes .*, which is no reaction\. Give `undo` the step first/,
      )
    },
  )
})

/** What fast-check does not think of, or could not print, under names. */
const oddities: Fields = {
  symbol: Symbol('s'),
  revoked,
  bomb,
  'inherits a bomb': Object.create(bomb) as unknown,
  'symbols everywhere': new Proxy(() => {}, { get: () => Symbol('p') }),
  promise: Promise.resolve(),
  'an error': new Error('e'),
  'minus zero': -0,
  'minus one': -1,
  'a number as text': '1',
  react,
  perform,
  'a class': Date,
  PaymentProcessed,
  '[InventoryReserved]': [InventoryReserved],
  draft,
  reserveStock,
  releaseStock,
  stock,
  book: stock('book'),
  command,
}

/** Whatever one may put there, and what is nearly right. */
const anything = fc.oneof(
  fc
    .anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    .map((value) => ({ value })),
  fc.constantFrom(...Object.keys(oddities)).map((odd) => ({ odd })),
)

function taken(one: { readonly value: unknown } | { readonly odd: string }): unknown {
  return 'odd' in one ? oddities[one.odd] : one.value
}

/** Every field there is, also within others, and the whole. */
const places = kinds.flatMap((kind) => [
  ['', kind] as const,
  ...pathsIn(declarations[kind].right).map((path) => [path, kind] as const),
])

function pathsIn(fields: object): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]) => {
    const isWithin = typeof value === 'object' && value !== null && !('form' in value)
    return [name, ...(isWithin ? pathsIn(value).map((path) => `${name}.${path}`) : [])]
  })
}

function onlyRefusedAsDeclared(run: () => unknown): void {
  try {
    run()
  } catch (error) {
    if (!isTroupeError(error, 'TROUPE_DECLARATION_INVALID')) throw error
    expect(error.message).toMatch(/^[^\n]+[.:].*\.$/su)
  }
}

describe('any value at any place of a declaration', () => {
  it('either works, up to the service that lists it, or is refused as declarations are', () => {
    fc.assert(
      fc.property(fc.constantFrom(...places), anything, ([path, kind], one) => {
        onlyRefusedAsDeclared(() => {
          const made = make(kind, but(kind, path, taken(one)))
          const { listed } = declarations[kind]
          if (listed) service({ name: 'inventory', reactions: listed(made) as never })
        })
      }),
      { numRuns: 3_000 },
    )
  })

  it('is refused under any name that is no field', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.string(), anything, (kind, name, one) => {
        const value = taken(one)
        fc.pre(
          value !== undefined &&
            name !== '__proto__' &&
            !name.includes('.') &&
            !(name in declarations[kind].right),
        )
        fc.pre(name !== '')
        expect(refusal(() => make(kind, but(kind, name, value))).code).toBe('TROUPE_DECLARATION_INVALID')
      }),
    )
  })

  it('is refused as a whole of anything, and so is a step', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), anything, (kind, one) => {
        const value = taken(one)
        onlyRefusedAsDeclared(() => make(kind, value))
        onlyRefusedAsDeclared(() => undo(value as never, but('undo', 'final', undefined) as never))
      }),
    )
  })
})
