import net from 'node:net'
import { describe, expect, it } from '@jest/globals'
import { isTroupeError, type TroupeError } from '@troupe/core'
import { connectKafka } from './client.ts'
import { recordingLog, withBroker } from '../kafka.test.kit.ts'
import { ping } from './ping.ts'
import { closedPort } from '../tcp-proxy.test.kit.ts'

async function refusalAt(address: string, timeoutMs = 20_000): Promise<TroupeError> {
  const connection = connectKafka({ clientId: 'test', brokers: [address] }, recordingLog())
  const error: unknown = await ping(connection, { timeoutMs }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isTroupeError(error, 'TROUPE_KAFKA_UNREACHABLE')) throw new Error(`not refused: ${String(error)}`)
  return error
}

describe('a ping', () => {
  it('counts the brokers', () =>
    withBroker(async ({ connection }) => {
      expect(await ping(connection)).toBe(1)
    }))

  it('names the address where nobody listens', async () => {
    const address = `127.0.0.1:${closedPort}`
    const { message, cause } = await refusalAt(address)
    expect(message).toContain(`Kafka at ${address} cannot be reached`)
    expect(message).toContain('ECONNREFUSED')
    expect(cause).toBeDefined()
  })

  it('gives up on something that listens but is no Kafka', async () => {
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const { message } = await refusalAt(`127.0.0.1:${port}`, 200)
    expect(message).toContain('did not answer within 200 ms')
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it('tells an address that Kafka advertises and nobody can reach from a Kafka that is away', () =>
    withBroker(async (bench) => {
      const { address } = await bench.proxy(closedPort)
      const { message, details } = await refusalAt(address)
      const nowhere = address.replace(/:.*/, `:${closedPort}`)
      expect(message).toContain(`sends its clients to ${nowhere}`)
      expect(message).toContain('advertised.listeners')
      expect(details).toMatchObject({ advertised: [nowhere] })
    }))

  it('refuses an address that is none, by name', () => {
    expect(() => connectKafka({ clientId: 'test', brokers: ['localhost'] }, recordingLog())).toThrow(
      /"localhost" is no Kafka broker's address/,
    )
    expect(() => connectKafka({ clientId: 'test', brokers: [] }, recordingLog())).toThrow(/No Kafka broker/)
  })
})
