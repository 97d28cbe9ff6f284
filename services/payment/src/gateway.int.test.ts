import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type GatewayServer, startGateway } from '@troupe-demo/gateway'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Gateway, gatewayAt, gatewayOf } from './gateway.ts'

let server: GatewayServer
let gateway: Gateway

beforeAll(async () => {
  server = await startGateway()
  gateway = gatewayAt(server.url)
})
afterAll(() => server?.stop())

const asked = { orderId: 'o1', amountCents: 2_500, currency: 'EUR', cardToken: 'tok_visa' }
const call = (idempotencyKey: string, signal = new AbortController().signal) => ({ idempotencyKey, signal })

describe('the gateway, as payment asks it', () => {
  it('charges under one key once, and gives back', async () => {
    const { chargeId } = (await gateway.charge(asked, call('a'))) as { chargeId: string }
    expect(await gateway.charge(asked, call('a'))).toEqual({ chargeId })
    expect(await gateway.refund({ chargeId, amountCents: 2_500 }, call('b'))).toHaveProperty('refundId')
    await expect(gateway.refund({ chargeId, amountCents: 2_500 }, call('c'))).rejects.toThrow(
      /answered 409 to a refund: ch_\d+ took 2500/,
    )
  })

  it('that declines a card has answered: that is no error', async () => {
    const declined = await gateway.charge({ ...asked, cardToken: 'tok_expired' }, call('d'))
    expect(declined).toEqual({ declined: 'card expired' })
  })

  it.each([
    ['is out of order', { is: 'failing' } as const, /answered 503 to a charge: out of order/],
    ['hangs up', { is: 'dropping' } as const, /other side closed/],
  ])('that %s leaves payment in doubt', async (what, behaviour, message) => {
    server.behave(behaviour)
    await expect(gateway.charge(asked, call(what.replaceAll(' ', '-')))).rejects.toThrow(message)
    server.behave({ is: 'well' })
  })

  it('is not waited for any longer than the signal says', async () => {
    server.behave({ is: 'slow', ms: 60_000 })
    await expect(gateway.charge(asked, call('e', AbortSignal.timeout(20)))).rejects.toThrow(/timeout|aborted/)
    server.behave({ is: 'well' })
  })
})

describe('somebody in the gateway’s place', () => {
  it.each<[string, RequestListener, RegExp]>([
    [
      'sends payment elsewhere',
      (_, response) => response.writeHead(307, { location: `${server.url}/charges` }).end(),
      /answered 307 to a charge/,
    ],
    [
      'says more than an answer has',
      (_, response) => response.writeHead(201).end('x'.repeat(20_000)),
      /size/,
    ],
    [
      'says what is no JSON',
      (_, response) => response.writeHead(201).end('<ok/>'),
      /answered 201 to a charge/,
    ],
  ])('who %s leaves payment in doubt', async (what, answer, message) => {
    const impostor = createServer(answer).listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    const { port } = impostor.address() as AddressInfo
    const asking = gatewayAt(`http://127.0.0.1:${port}`).charge(asked, call(what.replaceAll(' ', '-')))
    const failure = await asking.catch((error: unknown) => error)
    impostor.closeAllConnections()
    impostor.close()
    expect(failure).toMatchObject({ message: expect.stringMatching(message) as unknown })
  })
})

describe('GATEWAY_URL', () => {
  it.each([
    [{}, 'GATEWAY_URL is missing. Set it, for example: GATEWAY_URL=http://127.0.0.1:8090'],
    [{ GATEWAY_URL: '' }, 'GATEWAY_URL is missing. Set it, for example: GATEWAY_URL=http://127.0.0.1:8090'],
    [{ GATEWAY_URL: 'ftp://secret@x' }, /^GATEWAY_URL: is not a URL with http/],
    [{ GATEWAY_URL: 'nonsense' }, /^GATEWAY_URL: is not a URL/],
  ])('is refused by name, and never repeated: %j', (given, problem) => {
    expect(gatewayOf(given).problems).toEqual([expect.stringMatching(problem)])
    expect(gatewayOf(given).problems[0]).not.toContain('secret')
  })

  it('is taken where it is one', () => {
    expect(gatewayOf({ GATEWAY_URL: 'http://127.0.0.1:8090' }).problems).toEqual([])
  })
})
