import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type AnyEventType, isTroupeError, type Log, type TroupeErrorCode } from '@troupe/core'
import { type EmbeddedRegistry, startRegistry } from '@troupe/embedded'
import { avroEvent } from '../event/avro-event.ts'
import { createCodec } from './create-codec.ts'

const OrderReceived = orderReceived([
  { name: 'quantity', type: 'int' },
  { name: 'note', type: 'string', default: '' },
])
const order = { orderId: 'o1', quantity: 2, note: 'x' }

let registry: Pick<EmbeddedRegistry, 'url' | 'stop'>
const open: Server[] = []

beforeAll(async () => {
  const { TROUPE_STACK: stack, TROUPE_EXTERNAL_REGISTRY: external } = process.env
  registry =
    stack === 'external' && external !== undefined
      ? { url: external, stop: async () => {} }
      : await startRegistry()
})

afterAll(async () => {
  await registry.stop()
  for (const server of open) {
    server.closeAllConnections()
    server.close()
  }
})

describe('a codec over a Schema Registry', () => {
  it('writes Confluent wire format under a subject of topic and record name', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    await codec.register([OrderReceived])
    const bytes = codec.encode(OrderReceived, OrderReceived.complete(order))
    const subject = 'order.events-order.OrderReceived'
    const registered = (await getJson(`${registry.url}/subjects/${subject}/versions/latest`)) as {
      id: number
    }
    expect([bytes[0], Buffer.from(bytes).readUInt32BE(1)]).toEqual([0, registered.id])
    expect(await getJson(`${registry.url}/config/${subject}`)).toMatchObject({ compatibilityLevel: 'FULL' })
  })

  it('puts a namespace before the subject, and reads what was written in another', async () => {
    const [red, blue] = ['red', 'blue'].map((namespace) =>
      createCodec({ registryUrl: registry.url, namespace, log: silent() }),
    )
    await Promise.all([red!.register([OrderReceived]), blue!.register([OrderReceived])])
    const subjects = (await getJson(`${registry.url}/subjects`)) as readonly string[]
    expect(subjects).toEqual(
      expect.arrayContaining([
        'red.order.events-order.OrderReceived',
        'blue.order.events-order.OrderReceived',
      ]),
    )
    expect(await blue!.decode(OrderReceived, red!.encode(OrderReceived, order))).toStrictEqual(order)
  })

  it('reads what it wrote at once, and what another wrote as soon as it knows the schema', async () => {
    const [writer, reader] = [1, 2].map(() => createCodec({ registryUrl: registry.url, log: silent() }))
    await writer!.register([OrderReceived])
    const bytes = writer!.encode(OrderReceived, order)
    expect(writer!.decode(OrderReceived, bytes)).toStrictEqual(order)
    const first = reader!.decode(OrderReceived, new Uint8Array(bytes))
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toStrictEqual(order)
    expect(reader!.decode(OrderReceived, bytes)).toStrictEqual(order)
  })

  it('may register again, also at the same time as others', async () => {
    const codecs = [1, 2, 3].map(() => createCodec({ registryUrl: registry.url, log: silent() }))
    await Promise.all(codecs.map((codec) => codec.register([OrderReceived, OrderReceived])))
    await codecs[0]!.register([OrderReceived])
    const written = codecs.map((codec) => Buffer.from(codec.encode(OrderReceived, order)).toString('hex'))
    expect(new Set(written).size).toBe(1)
  })

  it('writes events that are larger than its buffer, and small ones after them', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    await codec.register([OrderReceived])
    const large = { ...order, note: 'ü'.repeat(1_000_000) }
    expect(codec.decode(OrderReceived, codec.encode(OrderReceived, large))).toStrictEqual(large)
    const [one, other] = [
      codec.encode(OrderReceived, order),
      codec.encode(OrderReceived, { ...order, note: 'other' }),
    ]
    expect(codec.decode(OrderReceived, one)).toStrictEqual(order)
    expect(codec.decode(OrderReceived, other)).toMatchObject({ note: 'other' })
  })

  it('reads a newer writer’s events as its own', async () => {
    const newer = orderReceived(
      [
        { name: 'quantity', type: 'int' },
        { name: 'note', type: 'string', default: '' },
        { name: 'gift', type: 'boolean', default: false },
      ],
      'versions',
    )
    const older = orderReceived(
      [
        { name: 'quantity', type: 'int' },
        { name: 'note', type: 'string', default: '' },
      ],
      'versions',
    )
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    await codec.register([older])
    await codec.register([newer])
    const bytes = codec.encode(newer, newer.complete({ orderId: 'o1', quantity: 1, gift: true }))
    expect(codec.decode(older, bytes)).toStrictEqual({ orderId: 'o1', quantity: 1, note: '' })
  })

  it('refuses to register a schema that does not agree with the one before', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    await codec.register([orderReceived([{ name: 'quantity', type: 'int' }], 'broken')])
    const error = await errorOf(() =>
      codec.register([orderReceived([{ name: 'quantity', type: 'string' }], 'broken')]),
    )
    expect(error.code).toBe('TROUPE_SCHEMA_INCOMPATIBLE')
    expect(error.message).toMatch(
      /^The schema of OrderReceived does not agree .* subject broken\.events-order\.OrderReceived/,
    )
    expect(error.message).toContain('Give new fields a default')
  })

  it('leaves a subject at the level that the registry keeps it at, and says so', async () => {
    const type = orderReceived([{ name: 'quantity', type: 'int' }], 'lenient')
    const subject = 'lenient.events-order.OrderReceived'
    await fetch(`${registry.url}/config/${subject}`, {
      method: 'PUT',
      body: '{"compatibility":"NONE"}',
      headers: { 'content-type': 'application/json' },
    })
    const log = silent()
    const codec = createCodec({ registryUrl: registry.url, log })
    await codec.register([type])
    expect(codec.encode(type, { orderId: 'o1', quantity: 1 })).toBeInstanceOf(Uint8Array)
    expect(log.warnings).toEqual([expect.stringContaining(`keeps the subject ${subject} NONE, not FULL`)])
    expect(await getJson(`${registry.url}/config/${subject}`)).toMatchObject({ compatibilityLevel: 'NONE' })
  })

  it('refuses to write what was not registered', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    const error = await errorOf(() => codec.encode(OrderReceived, order))
    expect(error.code).toBe('TROUPE_EVENT_INVALID')
    expect(error.message).toContain('its schema was not registered')
  })

  it('refuses to write what the schema refuses, with the path', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    await codec.register([OrderReceived])
    const error = await errorOf(() => codec.encode(OrderReceived, { ...order, quantity: 'two' }))
    expect(error.code).toBe('TROUPE_EVENT_INVALID')
    expect(error.message).toContain('quantity must be an int, not "two"')
  })
})

describe('bytes that will never decode', () => {
  it.each<[string, number[], TroupeErrorCode]>([
    ['in another format', [...Buffer.from('{"orderId":1}')], 'TROUPE_WIRE_FORMAT_FOREIGN'],
    ['of one foreign byte', [9], 'TROUPE_WIRE_FORMAT_FOREIGN'],
    ['that are none', [], 'TROUPE_WIRE_FORMAT_TRUNCATED'],
    ['without a whole header', [0, 0, 0, 0], 'TROUPE_WIRE_FORMAT_TRUNCATED'],
    ['of an unknown schema', [0, 0, 1, 0, 0, 1], 'TROUPE_SCHEMA_ID_UNKNOWN'],
    ['of a schema id that is none', [0, 255, 255, 255, 255, 1], 'TROUPE_SCHEMA_ID_UNKNOWN'],
  ])('%s are refused by name', async (_, bytes, code) => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    const error = await errorOf(() => codec.decode(OrderReceived, Uint8Array.from(bytes)))
    expect(error.code).toBe(code)
    expect(error.message).toContain('OrderReceived')
  })

  it('of another event are refused by name', async () => {
    const codec = createCodec({ registryUrl: registry.url, log: silent() })
    const OrderCancelled = avroEvent({
      owner: 'order',
      schema: {
        type: 'record',
        name: 'OrderCancelled',
        namespace: 'order',
        key: 'orderId',
        fields: [{ name: 'orderId', type: 'string' }],
      },
    })
    await codec.register([OrderReceived])
    const error = await errorOf(() => codec.decode(OrderCancelled, codec.encode(OrderReceived, order)))
    expect(error.code).toBe('TROUPE_SCHEMA_MISMATCH')
  })
})

describe('looking up schemas', () => {
  it('asks once for what many want at the same time', async () => {
    const asked: string[] = []
    const url = await serve((request, response) => {
      asked.push(request.url ?? '')
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ schema: JSON.stringify(OrderReceived.schema) }))
    })
    const codec = createCodec({ registryUrl: url, log: silent() })
    const bytes = await written(order)
    const results = await Promise.all(Array.from({ length: 20 }, () => codec.decode(OrderReceived, bytes)))
    expect(results).toHaveLength(20)
    expect(asked).toHaveLength(1)
  })

  it('asks once for an unknown id too, and never for one that cannot be', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked++
      response.statusCode = 404
      response.end('{"error_code":40403,"message":"Schema not found"}')
    })
    const codec = createCodec({ registryUrl: url, log: silent() })
    expect((await errorOf(() => codec.decode(OrderReceived, Uint8Array.of(0, 255, 0, 0, 0, 1)))).code).toBe(
      'TROUPE_SCHEMA_ID_UNKNOWN',
    )
    expect(asked).toBe(0)
    const all = Array.from({ length: 20 }, () =>
      errorOf(() => codec.decode(OrderReceived, Uint8Array.of(0, 0, 0, 0, 9, 1))),
    )
    expect(new Set((await Promise.all(all)).map(({ code }) => code))).toEqual(
      new Set(['TROUPE_SCHEMA_ID_UNKNOWN']),
    )
    // Once through the client, and once for the error code.
    expect(asked).toBe(2)
  })

  it('does not believe for ever that an id is unknown, and does not ask for it each time', async () => {
    const bytes = await written(order)
    let isKnown = false
    let asked = 0
    const url = await serve((_, response) => {
      asked++
      response.setHeader('content-type', 'application/json')
      response.statusCode = isKnown ? 200 : 404
      response.end(
        JSON.stringify(
          isKnown
            ? { schema: JSON.stringify(OrderReceived.schema) }
            : { error_code: 40403, message: 'Schema not found' },
        ),
      )
    })
    const codec = createCodec({ registryUrl: url, log: silent() })
    expect((await errorOf(() => codec.decode(OrderReceived, bytes))).code).toBe('TROUPE_SCHEMA_ID_UNKNOWN')
    const askedAtFirst = asked
    expect((await errorOf(() => codec.decode(OrderReceived, bytes))).code).toBe('TROUPE_SCHEMA_ID_UNKNOWN')
    expect(asked).toBe(askedAtFirst)
    isKnown = true
    const now = performance.now()
    const clock = performance.now.bind(performance)
    performance.now = () => now + 6_000
    try {
      expect(await codec.decode(OrderReceived, bytes)).toStrictEqual(order)
    } finally {
      performance.now = clock
    }
  })

  it.each<[string, number, string, string?]>([
    ['that another server does not have', 404, '{"message":"Route not found","statusCode":404}'],
    ['that a page answers for', 404, '<html>no such page</html>'],
    ['that a page answers for as if all were well', 200, '<html>welcome</html>'],
    ['that a broken registry cannot find', 500, '{"error_code":50001,"message":"store"}'],
    ['that it may not see', 401, '{"error_code":40101,"message":"Unauthorized"}', 'TROUPE_ACCESS_DENIED'],
  ])(
    'never blames the event for an answer %s',
    async (_, status, body, code = 'TROUPE_REGISTRY_UNREACHABLE') => {
      const url = await serve((_request, response) => {
        response.statusCode = status
        response.end(body)
      })
      const codec = createCodec({ registryUrl: url, log: silent() })
      const bytes = await written(order)
      expect((await errorOf(() => codec.decode(OrderReceived, bytes))).code).toBe(code)
      expect((await errorOf(() => codec.register([OrderReceived]))).code).toBe(code)
    },
  )

  it.each([
    [401, /does not let the user order in \(status 401, asked to register the schema of OrderReceived/],
    [
      403,
      /denies the user order the right to register the schema of OrderReceived \(subject .*OrderReceived\)/,
    ],
  ])('names the user and the right when it is refused with status %d', async (status, message) => {
    const url = await serve((_request, response) => {
      response.statusCode = status
      response.end('{"error_code":40301,"message":"no"}')
    })
    const registryUrl = url.replace('http://', 'http://order:secret@')
    const error = await errorOf(() => createCodec({ registryUrl, log: silent() }).register([OrderReceived]))
    expect(error).toMatchObject({ code: 'TROUPE_ACCESS_DENIED', details: { user: 'order', status } })
    expect(error.message).toMatch(message)
    expect(`${error.message}${JSON.stringify(error)}`).not.toContain('secret')
  })

  it.each([
    [200, 'text/html', '<html>welcome</html>', /status 200 and text\/html, no JSON/],
    [404, 'application/json', '{"message":"no such route"}', /status 404 and no settings of a registry/],
  ])('recognises that what answers is no registry (%d %s)', async (status, type, body, message) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, { 'content-type': type }).end(body)
    })
    const error = await errorOf(() =>
      createCodec({ registryUrl: url, log: silent() }).register([OrderReceived]),
    )
    expect(error.code).toBe('TROUPE_REGISTRY_UNREACHABLE')
    expect(error.message).toMatch(message)
    expect(error.message).toContain('/apis/ccompat/v7')
  })

  it('refuses an authority beside an address without TLS', () => {
    expect(() => createCodec({ registryUrl: 'http://registry:8081', ca: 'PEM', log: silent() })).toThrow(
      /without TLS, though the certificate of an authority is given/,
    )
  })

  it('blames the event for a schema that is not Avro', async () => {
    const url = await serve((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ schemaType: 'JSON', schema: '{"type":"object"}' }))
    })
    const codec = createCodec({ registryUrl: url, log: silent() })
    const bytes = await written(order)
    const error = await errorOf(() => codec.decode(OrderReceived, bytes))
    expect(error.code).toBe('TROUPE_SCHEMA_MISMATCH')
    expect(error.message).toContain('cannot be read as Avro')
  })

  it('gives up on a registry that does not answer', async () => {
    const url = await serve(() => undefined)
    const codec = createCodec({ registryUrl: url, timeoutMs: 100, log: silent() })
    const bytes = await written(order)
    const error = await errorOf(() => codec.decode(OrderReceived, bytes))
    expect(error.code).toBe('TROUPE_REGISTRY_UNREACHABLE')
    expect(error.message).toContain(url)
  })

  it('never shows a password', async () => {
    const codec = createCodec({ registryUrl: 'http://user:secret@127.0.0.1:1', log: silent() })
    const error = await errorOf(() => codec.register([OrderReceived]))
    expect(error.code).toBe('TROUPE_REGISTRY_UNREACHABLE')
    expect(error.message).toContain('http://127.0.0.1:1 ')
    const everything = JSON.stringify([error, error.message, String((error as { cause?: unknown }).cause)])
    expect(everything).not.toContain('secret')
  })

  it('gives the user name and password of the URL, and keeps its path', async () => {
    let seen: IncomingMessage | undefined
    const url = await serve((request, response) => {
      seen = request
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ schema: JSON.stringify(OrderReceived.schema) }))
    })
    const registryUrl = `${url.replace('http://', 'http://user:pass%20word@')}/apis/ccompat/v7/`
    await createCodec({ registryUrl, log: silent() }).decode(OrderReceived, await written(order))
    expect(seen?.url).toMatch(/^\/apis\/ccompat\/v7\/schemas\/ids\/\d+$/)
    expect(seen?.headers.authorization).toBe(`Basic ${Buffer.from('user:pass word').toString('base64')}`)
  })

  it.each(['nonsense', 'ftp://127.0.0.1', ''])('refuses an address that is none: %j', async (registryUrl) => {
    const error = await errorOf(() => createCodec({ registryUrl, log: silent() }))
    expect(error.code).toBe('TROUPE_SETTING_INVALID')
  })
})

/** An event as some other service wrote it. */
async function written(data: object): Promise<Uint8Array> {
  const codec = createCodec({ registryUrl: registry.url, log: silent() })
  await codec.register([OrderReceived])
  return codec.encode(OrderReceived, data)
}

function orderReceived(fields: readonly object[], owner = 'order'): AnyEventType {
  return avroEvent<'OrderReceived', object, object>({
    owner,
    schema: {
      type: 'record',
      name: 'OrderReceived',
      namespace: 'order',
      key: 'orderId',
      fields: [{ name: 'orderId', type: 'string' }, ...fields],
    },
  })
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer)
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function getJson(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}

async function errorOf(act: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await act()
  } catch (error) {
    if (isTroupeError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function silent(): Log & { readonly warnings: string[] } {
  const warnings: string[] = []
  return {
    warnings,
    debug: () => undefined,
    info: () => undefined,
    warn: (_, message) => void warnings.push(message),
    error: () => undefined,
  }
}
