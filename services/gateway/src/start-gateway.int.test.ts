import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayServer, startGateway } from './start-gateway.ts'

const body = { order: 'o1', amountCents: 2_500, currency: 'EUR', cardToken: 'tok_visa' }
let folder = ''
let gateway: GatewayServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-gateway-'))
  gateway = await startGateway({ file: join(folder, 'deep', 'book.jsonl') })
})
afterEach(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(method: string, path: string, given?: unknown, key?: string) {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    ...(given === undefined ? {} : { body: typeof given === 'string' ? given : JSON.stringify(given) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as never) }
}
const charge = (key: string, change: object = {}) => ask('POST', '/charges', { ...body, ...change }, key)
const book = async (): Promise<readonly { readonly order: string }[]> =>
  (
    (await ask('GET', '/charges')).body as unknown as {
      readonly items: readonly { readonly order: string }[]
    }
  ).items

describe('the gateway', () => {
  it('answers one key in one way, also side by side, and takes money once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => charge('k')))
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(answers[0]).toEqual({ status: 201, body: { id: 'ch_000000001' } })
    expect(await book()).toHaveLength(1)
    expect((await charge('k', { amountCents: 1 })).status).toBe(422)
  })

  it('knows what it took after it was ended and started again, but for a line that was cut off', async () => {
    await charge('k')
    await charge('l', { cardToken: 'tok_no_funds' })
    await gateway.stop()
    appendFileSync(join(folder, 'deep', 'book.jsonl'), '{"key":"m","asked"')
    gateway = await startGateway({ file: join(folder, 'deep', 'book.jsonl') })
    expect(await charge('k')).toEqual({ status: 201, body: { id: 'ch_000000001' } })
    expect((await charge('l', { cardToken: 'tok_no_funds' })).status).toBe(402)
    expect((await charge('m')).body).toEqual({ id: 'ch_000000002' })
    expect(await book()).toHaveLength(2)
  })

  it('charges and drops the connection where it is told to, and has it in its book', async () => {
    expect((await ask('PUT', '/behaviour', { is: 'dropping' })).status).toBe(204)
    await expect(charge('k')).rejects.toThrow('fetch failed')
    await ask('PUT', '/behaviour', { is: 'well' })
    expect(await charge('k')).toEqual({ status: 201, body: { id: 'ch_000000001' } })
    expect(await book()).toHaveLength(1)
  })

  it('takes nothing while it fails', async () => {
    gateway.behave({ is: 'failing' })
    expect((await charge('k')).status).toBe(503)
    expect(await book()).toEqual([])
  })

  it.each([
    [
      'tok_flaky',
      (first: Promise<{ status: number }>) => expect(first).resolves.toMatchObject({ status: 503 }),
    ],
    ['tok_dropped', (first: Promise<unknown>) => expect(first).rejects.toThrow('fetch failed')],
  ])('treats %s badly the first time only', async (cardToken, first) => {
    await first(charge('k', { cardToken }))
    expect((await charge('k', { cardToken })).status).toBe(201)
    expect(await book()).toHaveLength(1)
  })

  it('that answers twice is understood by who asks next', async () => {
    gateway.behave({ is: 'twice' })
    for (let n = 1; n <= 20; n++) {
      const one = charge(`k${n}`, { order: `o${n}` })
      // A connection on which something comes that nobody asked for is given up, maybe with a question on it.
      const answer = await one.catch(() => charge(`k${n}`, { order: `o${n}` }))
      expect(answer).toEqual({ status: 201, body: { id: `ch_${String(n).padStart(9, '0')}` } })
    }
    expect(new Set((await book()).map(({ order }) => order)).size).toBe(20)
  })

  it.each([
    ['POST', '/charges', { ...body, amountCents: -1 }, 'k', 400],
    ['POST', '/charges', { ...body, amountCents: 1.5 }, 'k', 400],
    ['POST', '/charges', { ...body, currency: 'euro' }, 'k', 400],
    ['POST', '/charges', { ...body, order: '' }, 'k', 400],
    ['POST', '/charges', { ...body, cardToken: 'x'.repeat(201) }, 'k', 400],
    ['POST', '/charges', '{', 'k', 400],
    ['POST', '/charges', `"${'x'.repeat(100_000)}"`, 'k', 400],
    ['POST', '/charges', body, undefined, 400],
    ['POST', '/refunds', { chargeId: 'ch_1' }, 'k', 400],
    ['POST', '/refunds', { chargeId: 'ch_1', amountCents: 1 }, 'k', 404],
    ['PUT', '/behaviour', { is: 'odd' }, undefined, 400],
    ['PUT', '/behaviour', { is: 'slow', ms: -1 }, undefined, 400],
    ['GET', '/charges?limit=0', undefined, undefined, 400],
    ['GET', '/nothing', undefined, undefined, 404],
    ['GET', '/readyz', undefined, undefined, 200],
  ])('answers %s %s with %j under %s with %i', async (method, path, given, key, status) => {
    expect((await ask(method, path, given, key)).status).toBe(status)
  })
})
