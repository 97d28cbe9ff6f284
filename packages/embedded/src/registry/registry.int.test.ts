import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { startRegistry, type EmbeddedRegistry, type RegistryOptions } from './server.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function start(options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
  const registry = await startRegistry(options)
  cleanUps.push(() => registry.stop())
  return registry
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'registry-test-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Answer {
  status: number
  body: unknown
}

/** A caller of one registry: `call('POST', '/path', body)`. */
function caller({ url }: EmbeddedRegistry) {
  return async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const payload = body === undefined ? {} : { headers, body: JSON.stringify(body) }
    const response = await fetch(url + path, { method, ...payload })
    expect(response.headers.get('content-type')).toBe('application/vnd.schemaregistry.v1+json')
    return { status: response.status, body: await response.json() }
  }
}

const schemaOf = (...fields: object[]) => ({
  schema: JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields }),
})
const first = schemaOf({ name: 'id', type: 'string' })
const second = schemaOf({ name: 'id', type: 'string' }, { name: 'note', type: 'string', default: '' })
const incompatible = schemaOf({ name: 'id', type: 'string' }, { name: 'total', type: 'int' })
const failure = (code: number, message: string | RegExp = /./) => ({
  status: code > 999 ? Math.floor(code / 100) : code,
  body: { error_code: code, message: expect.stringMatching(message) },
})

describe('a registry asked by @kafkajs/confluent-schema-registry', () => {
  it('registers, encodes, decodes elsewhere, and finds ids again', async () => {
    const { url } = await start()
    const client = new SchemaRegistry({ host: url })
    const { id } = await client.register(
      { type: SchemaType.AVRO, ...first },
      { compatibility: COMPATIBILITY.FULL },
    )
    const bytes = await client.encode(id, { id: 'o1' })
    expect(bytes.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, id]))
    const other = new SchemaRegistry({ host: url })
    expect({ ...(await other.decode(bytes)) }).toEqual({ id: 'o1' })
    expect(await other.getLatestSchemaId('shop.Order')).toBe(id)
    expect(await other.getRegistryId('shop.Order', 1)).toBe(id)
    expect(await other.getRegistryIdBySchema('shop.Order', { type: SchemaType.AVRO, ...first })).toBe(id)
  })

  it('sets the compatibility asked for on the first registration, and refuses a break of it', async () => {
    const registry = await start()
    const client = new SchemaRegistry({ host: registry.url })
    const register = (schema: { schema: string }) =>
      client.register({ type: SchemaType.AVRO, ...schema }, { compatibility: COMPATIBILITY.FULL })
    const { id } = await register(first)
    expect(await caller(registry)('GET', '/config/shop.Order')).toEqual({
      status: 200,
      body: { compatibilityLevel: 'FULL' },
    })
    expect((await register(first)).id).toBe(id)
    expect((await register(second)).id).toBe(id + 1)
    await expect(register(incompatible)).rejects.toThrow(/shop\.Order\.total has no default/)
  })

  it('resolves references between schemas', async () => {
    const registry = await start()
    const client = new SchemaRegistry({ host: registry.url })
    const line = {
      type: 'record',
      name: 'Line',
      namespace: 'shop',
      fields: [{ name: 'sku', type: 'string' }],
    }
    await client.register({ type: SchemaType.AVRO, schema: JSON.stringify(line) })
    const basket = {
      type: 'record',
      name: 'Basket',
      namespace: 'shop',
      fields: [{ name: 'lines', type: { type: 'array', items: 'shop.Line' } }],
    }
    const references = [{ name: 'shop.Line', subject: 'shop.Line', version: 1 }]
    const { id } = await client.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(basket), references },
      { subject: 'basket' },
    )
    const bytes = await client.encode(id, { lines: [{ sku: 'book' }] })
    const decoded: unknown = await new SchemaRegistry({ host: registry.url }).decode(bytes)
    expect(JSON.parse(JSON.stringify(decoded))).toEqual({ lines: [{ sku: 'book' }] })

    const call = caller(registry)
    expect(await call('GET', '/subjects/shop.Line/versions/1/referencedby')).toEqual({
      status: 200,
      body: [id],
    })
    expect(await call('DELETE', '/subjects/shop.Line/versions/1')).toEqual(failure(42206))
    expect(await call('DELETE', '/subjects/shop.Line')).toEqual(failure(42206, `schema ids ${id}`))
    expect((await call('DELETE', '/subjects/basket')).status).toBe(200)
    expect((await call('DELETE', '/subjects/shop.Line')).status).toBe(200)
    expect(await call('DELETE', '/subjects/shop.Line?permanent=true')).toEqual(failure(42206))
  })

  it('keeps JSON schemas apart from Avro ones', async () => {
    const registry = await start()
    const client = new SchemaRegistry({ host: registry.url })
    const schema = JSON.stringify({ type: 'object', properties: { id: { type: 'string' } } })
    const { id } = await client.register({ type: SchemaType.JSON, schema }, { subject: 'order' })
    expect(
      await new SchemaRegistry({ host: registry.url }).decode(await client.encode(id, { id: 'o1' })),
    ).toEqual({
      id: 'o1',
    })
    expect(await caller(registry)('POST', '/subjects/order/versions', first)).toEqual(
      failure(409, /version 1 is JSON and the new schema is AVRO/),
    )
  })
})

describe('schemas and subjects over HTTP', () => {
  it('gives one schema one id in all subjects, however it is written', async () => {
    const call = caller(await start())
    expect(await call('POST', '/subjects/a/versions', first)).toEqual({ status: 200, body: { id: 1 } })
    const spaced = { schema: JSON.stringify(JSON.parse(first.schema), null, 4), schemaType: 'AVRO' }
    expect(await call('POST', '/subjects/b/versions', spaced)).toEqual({ status: 200, body: { id: 1 } })
    expect(await call('POST', '/subjects/a/versions', second)).toEqual({ status: 200, body: { id: 2 } })
    expect(await call('POST', '/subjects/a/versions', first)).toEqual({ status: 200, body: { id: 1 } })
    expect((await call('GET', '/subjects')).body).toEqual(['a', 'b'])
    expect((await call('GET', '/subjects?subjectPrefix=b')).body).toEqual(['b'])
    expect((await call('GET', '/subjects/a/versions')).body).toEqual([1, 2])
    expect((await call('GET', '/schemas/ids/1')).body).toEqual(first)
    expect((await call('GET', '/schemas/ids/1/subjects')).body).toEqual(['a', 'b'])
    expect((await call('GET', '/schemas/ids/1/versions')).body).toEqual([
      { subject: 'a', version: 1 },
      { subject: 'b', version: 1 },
    ])
    const version = { subject: 'a', version: 2, id: 2, ...second }
    for (const wanted of ['2', 'latest', '-1']) {
      expect((await call('GET', `/subjects/a/versions/${wanted}`)).body).toEqual(version)
    }
    expect((await call('POST', '/subjects/a', spaced)).body).toEqual({
      subject: 'a',
      version: 1,
      id: 1,
      ...first,
    })
    expect((await call('GET', '/schemas?latestOnly=true')).body).toEqual([
      version,
      { subject: 'b', version: 1, id: 1, ...first },
    ])
  })

  it('answers the raw schema where only the schema is asked for', async () => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    await call('POST', '/subjects/b/versions', { schema: '"string"' })
    expect((await call('GET', '/schemas/ids/1/schema')).body).toEqual(JSON.parse(first.schema))
    expect((await call('GET', '/subjects/b/versions/1/schema')).body).toBe('string')
  })

  it('answers the small questions of tools', async () => {
    const call = caller(await start())
    expect((await call('GET', '/')).body).toEqual({})
    expect((await call('GET', '/schemas/types')).body).toEqual(['JSON', 'PROTOBUF', 'AVRO'])
    expect((await call('GET', '/subjects/')).body).toEqual([])
    expect((await call('GET', '/mode')).body).toEqual({ mode: 'READWRITE' })
    expect((await call('GET', '/config')).body).toEqual({ compatibilityLevel: 'BACKWARD' })
  })

  it('takes any subject name that was encoded into the path', async () => {
    const call = caller(await start())
    const path = `/subjects/${encodeURIComponent('a/b c%é')}/versions`
    expect((await call('POST', path, first)).status).toBe(200)
    expect((await call('GET', '/subjects')).body).toEqual(['a/b c%é'])
    expect((await call('GET', path)).body).toEqual([1])
  })

  it('deletes softly, then for good, and never uses a version again', async () => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    await call('POST', '/subjects/a/versions', second)
    expect(await call('DELETE', '/subjects/a/versions/2?permanent=true')).toEqual(failure(40407))
    expect(await call('DELETE', '/subjects/a/versions/latest')).toEqual({ status: 200, body: 2 })
    expect(await call('DELETE', '/subjects/a/versions/2')).toEqual(failure(40406))
    expect(await call('GET', '/subjects/a/versions/2')).toEqual(failure(40402))
    expect((await call('GET', '/subjects/a/versions/2?deleted=true')).status).toBe(200)
    expect((await call('GET', '/schemas/ids/2')).status).toBe(200)
    expect(await call('DELETE', '/subjects/a/versions/2?permanent=true')).toEqual({ status: 200, body: 2 })
    expect(await call('GET', '/schemas/ids/2')).toEqual(failure(40403))
    expect((await call('POST', '/subjects/a/versions', second)).body).toEqual({ id: 3 })
    expect((await call('GET', '/subjects/a/versions')).body).toEqual([1, 3])

    expect(await call('DELETE', '/subjects/a?permanent=true')).toEqual(failure(40405))
    expect((await call('DELETE', '/subjects/a')).body).toEqual([1, 3])
    expect(await call('DELETE', '/subjects/a')).toEqual(failure(40404))
    expect((await call('GET', '/subjects')).body).toEqual([])
    expect((await call('GET', '/subjects?deleted=true')).body).toEqual(['a'])
    expect((await call('DELETE', '/subjects/a?permanent=true')).body).toEqual([1, 3])
    expect(await call('DELETE', '/subjects/a')).toEqual(failure(40401))
    expect((await call('POST', '/subjects/a/versions', first)).status).toBe(200)
    expect((await call('GET', '/subjects/a/versions')).body).toEqual([4])
  })

  it('brings a softly deleted schema back as a new version with its old id', async () => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    await call('DELETE', '/subjects/a')
    expect((await call('POST', '/subjects/a/versions', first)).body).toEqual({ id: 1 })
    expect((await call('GET', '/subjects/a/versions?deleted=true')).body).toEqual([1, 2])
  })
})

describe('what is refused', () => {
  it.each([
    ['GET', '/subjects/none/versions', 40401],
    ['GET', '/subjects/none/versions/1', 40401],
    ['GET', '/subjects/a/versions/9', 40402],
    ['GET', '/subjects/a/versions/0', 42202],
    ['GET', '/subjects/a/versions/newest', 42202],
    ['GET', '/subjects/a/versions/2147483648', 42202],
    ['GET', '/schemas/ids/9', 40403],
    ['GET', '/schemas/ids/one', 40403],
    ['GET', '/config/a', 40408],
    ['DELETE', '/config/a', 40408],
    ['GET', '/mode/a', 40409],
    ['DELETE', '/mode/a', 40409],
    ['DELETE', '/subjects/none', 40401],
    ['DELETE', '/subjects/a/versions/9', 40402],
    ['GET', '/nowhere', 404],
  ])('%s %s: %d', async (method, path, code) => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    expect(await call(method, path)).toEqual(failure(code))
  })

  it.each<[string, string, unknown, number, RegExp]>([
    ['POST', '/subjects/a/versions', incompatible, 409, /version 1: shop\.Order\.total has no default/],
    ['POST', '/subjects/b/versions', { schema: '{"type":"recrd"}' }, 42201, /unknown type: "recrd"/],
    ['POST', '/subjects/b/versions', { schema: 'string' }, 42201, /JSON/],
    ['POST', '/subjects/b/versions', { schema: '"a.Missing"' }, 42201, /undefined type name/],
    ['POST', '/subjects/b/versions', { schema: '{"type":"record","fields":[]}' }, 42201, /missing name/],
    ['POST', '/subjects/b/versions', { schema: '['.repeat(50_000) + ']'.repeat(50_000) }, 42201, /./],
    ['POST', '/subjects/b/versions', {}, 42201, /"schema"/],
    ['POST', '/subjects/b/versions', { ...first, schemaType: 'XML' }, 42201, /schemaType must be one of/],
    ['POST', '/subjects/b/versions', { ...first, references: [{}] }, 42201, /a reference needs/],
    [
      'POST',
      '/subjects/b/versions',
      { ...first, references: [{ name: 'x', subject: 'x', version: 1 }] },
      42201,
      /no version 1 of subject 'x'/,
    ],
    ['POST', '/subjects/b/versions', { schema: '{', schemaType: 'JSON' }, 42201, /JSON/],
    ['POST', '/subjects/b/versions', { schema: ' ', schemaType: 'PROTOBUF' }, 42201, /empty/],
    ['POST', '/subjects/b/versions', [], 400, /JSON object/],
    ['POST', '/subjects/none', first, 40401, /none/],
    ['POST', '/subjects/a', second, 40403, /./],
    ['PUT', '/config', { compatibility: 'SOME' }, 42203, /"SOME".*BACKWARD_TRANSITIVE/],
    ['PUT', '/config/a', {}, 42203, /./],
    ['PUT', '/mode', { mode: 'IMPORT' }, 42204, /READWRITE/],
    ['PUT', '/mode/a', {}, 42204, /./],
    ['POST', '/compatibility/subjects/a/versions/7', first, 40402, /7/],
    ['POST', '/compatibility/subjects/none/versions/7', first, 40401, /none/],
  ])('%s %s %j: %d', async (method, path, body, code, message) => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    expect(await call(method, path, body)).toEqual(failure(code, message))
  })

  it('bodies beyond a megabyte, bodies that are no JSON, and other content types', async () => {
    const { url } = await start()
    const post = async (type: string, body: string) => {
      const response = await fetch(`${url}/subjects/a/versions`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      })
      return { status: response.status, body: await response.json() }
    }
    const type = 'application/vnd.schemaregistry.v1+json'
    expect(await post(type, JSON.stringify({ schema: 'x'.repeat(1024 * 1024) }))).toEqual(failure(413))
    expect(await post(type, '{"schema":')).toEqual(failure(400))
    expect(await post('text/csv', 'a,b')).toEqual(failure(415))
    expect(await post('application/json; charset=utf-8', JSON.stringify(first))).toEqual({
      status: 200,
      body: { id: 1 },
    })
  })

  it('changes of a subject that is read-only', async () => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    expect((await call('PUT', '/mode', { mode: 'READONLY' })).body).toEqual({ mode: 'READONLY' })
    expect(await call('POST', '/subjects/a/versions', second)).toEqual(failure(42205, /read-only/))
    expect(await call('DELETE', '/subjects/a')).toEqual(failure(42205))
    expect((await call('POST', '/subjects/a/versions', first)).body).toEqual({ id: 1 })
    await call('PUT', '/mode/a', { mode: 'READWRITE' })
    expect((await call('POST', '/subjects/a/versions', second)).body).toEqual({ id: 2 })
    expect((await call('GET', '/mode/b?defaultToGlobal=true')).body).toEqual({ mode: 'READONLY' })
    expect((await call('DELETE', '/mode/a')).body).toEqual({ mode: 'READWRITE' })
  })
})

describe('compatibility over HTTP', () => {
  it('is BACKWARD until it is set, for all or for one subject', async () => {
    const call = caller(await start())
    await call('POST', '/subjects/a/versions', first)
    expect((await call('PUT', '/config', { compatibility: 'NONE' })).body).toEqual({ compatibility: 'NONE' })
    expect((await call('POST', '/subjects/a/versions', incompatible)).status).toBe(200)
    expect((await call('PUT', '/config/a', { compatibility: 'full' })).body).toEqual({
      compatibility: 'FULL',
    })
    expect((await call('GET', '/config/b?defaultToGlobal=true')).body).toEqual({ compatibilityLevel: 'NONE' })
    expect((await call('GET', '/config/a')).body).toEqual({ compatibilityLevel: 'FULL' })
    expect((await call('POST', '/subjects/a/versions', second)).status).toBe(409)
    expect((await call('DELETE', '/config/a')).body).toEqual({ compatibilityLevel: 'FULL' })
    expect(await call('GET', '/config/a')).toEqual(failure(40408))
    expect((await call('DELETE', '/config')).body).toEqual({ compatibilityLevel: 'NONE' })
    expect((await call('GET', '/config')).body).toEqual({ compatibilityLevel: 'BACKWARD' })
  })

  it('can be asked for without registering', async () => {
    const call = caller(await start())
    const ask = (path: string, body: unknown) => call('POST', `/compatibility/subjects/${path}`, body)
    await call('POST', '/subjects/a/versions', first)
    expect((await ask('a/versions/latest', second)).body).toEqual({ is_compatible: true })
    expect((await ask('a/versions/1?verbose=true', second)).body).toEqual({
      is_compatible: true,
      messages: [],
    })
    expect((await ask('a/versions/latest', incompatible)).body).toEqual({ is_compatible: false })
    expect((await ask('a/versions?verbose=true', incompatible)).body).toEqual({
      is_compatible: false,
      messages: [expect.stringContaining('shop.Order.total has no default')],
    })
    expect((await ask('new/versions/latest', first)).body).toEqual({ is_compatible: true })
    expect((await call('GET', '/subjects/a/versions')).body).toEqual([1])
  })
})

describe('a registry with a folder', () => {
  it('knows everything again after a restart', async () => {
    const dir = temporaryFolder()
    const before = await startRegistry({ dir })
    const call = caller(before)
    await call('POST', '/subjects/a/versions', first)
    await call('POST', '/subjects/a/versions', second)
    await call('DELETE', '/subjects/a/versions/2')
    await call('PUT', '/config/a', { compatibility: 'FULL' })
    await call('PUT', '/mode', { mode: 'READONLY' })
    await before.stop()
    await before.stop()

    const again = caller(await start({ dir }))
    expect((await again('GET', '/subjects/a/versions?deleted=true')).body).toEqual([1, 2])
    expect((await again('GET', '/subjects/a/versions/1')).body).toEqual({
      subject: 'a',
      version: 1,
      id: 1,
      ...first,
    })
    expect((await again('GET', '/config/a')).body).toEqual({ compatibilityLevel: 'FULL' })
    await again('PUT', '/mode', { mode: 'READWRITE' })
    expect((await again('POST', '/subjects/b/versions', { schema: '"int"' })).body).toEqual({ id: 3 })
  })

  it('refuses a second registry, and data that is damaged', async () => {
    const dir = temporaryFolder()
    const registry = await start({ dir })
    await expect(startRegistry({ dir })).rejects.toMatchObject({
      code: 'FOLDER_IN_USE',
      message: expect.stringContaining(`pid ${process.pid}`),
    })
    await caller(registry)('POST', '/subjects/a/versions', first)
    await registry.stop()
    const file = join(dir, 'registry.json')
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -10))
    await expect(startRegistry({ dir })).rejects.toMatchObject({
      code: 'FOLDER_MISMATCH',
      message: expect.stringContaining(file),
    })
  })

  it('answers 50001 and stays as it was when a change cannot be kept', async () => {
    const dir = temporaryFolder()
    const said: string[] = []
    const call = caller(await start({ dir, log: (_, message) => said.push(message) }))
    rmSync(dir, { recursive: true })
    expect(await call('POST', '/subjects/a/versions', first)).toEqual(failure(50001, /ENOENT/))
    expect((await call('GET', '/subjects')).body).toEqual([])
    expect(said).toEqual([expect.stringContaining('/subjects/a/versions')])
  })
})

describe('listening', () => {
  it('says that a port is taken', async () => {
    const { port } = await start()
    await expect(startRegistry({ port })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    })
  })

  it('gives 20 clients at once that register one schema one id', async () => {
    const call = caller(await start())
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => call('POST', `/subjects/s${n % 4}/versions`, first)),
    )
    expect(new Set(answers.map(({ body }) => JSON.stringify(body)))).toEqual(new Set(['{"id":1}']))
    expect((await call('GET', '/subjects/s0/versions')).body).toEqual([1])
  })
})
