/** A client that says exactly what a test wants to say, over the requests' own declarations. */
import { connect, type Socket } from 'node:net'
import { Reader } from './protocol/reader.ts'
import { Writer } from './protocol/writer.ts'
import type { Api } from './server/api.ts'
import { FrameReader } from './server/frame-reader.ts'
import { later } from './clients.test.kit.ts'

export interface RawClient {
  readonly socket: Socket
  /** Correlation ids in the order in which responses came. */
  readonly answered: number[]
  /** Resolves with the decoded response; rejects when the connection ends before. */
  call<Q, R>(api: Api<Q, R>, version: number, request: Q): Promise<R>
  /** Sends a request whose answer nobody waits for; returns its correlation id. */
  post<Q, R>(api: Api<Q, R>, version: number, request: Q): number
  /** Resolves when the broker has ended the connection. */
  readonly closed: Promise<void>
}

export async function rawClient({ host, port }: { host: string; port: number }): Promise<RawClient> {
  const socket = connect(port, host)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  later(() => socket.destroy())

  const frames = new FrameReader(2 ** 31 - 1)
  const waiting = new Map<number, (frame: Buffer) => void>()
  const answered: number[] = []
  socket.on('data', (chunk) => {
    frames.push(chunk)
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      const correlationId = frame.readInt32BE(0)
      answered.push(correlationId)
      waiting.get(correlationId)?.(frame)
    }
  })

  let lastId = 0
  const post = <Q, R>(api: Api<Q, R>, version: number, request: Q): number => {
    lastId += 1
    for (const part of requestFrame(api, version, request, lastId)) socket.write(part)
    return lastId
  }
  return {
    socket,
    answered,
    closed,
    post,
    call<Q, R>(api: Api<Q, R>, version: number, request: Q): Promise<R> {
      const correlationId = post(api, version, request)
      return new Promise((resolve, reject) => {
        waiting.set(correlationId, (frame) => resolve(decode(api, version, frame)))
        void closed.then(() => reject(new Error('the broker ended the connection')))
      })
    },
  }
}

export function requestFrame<Q, R>(
  api: Api<Q, R>,
  version: number,
  request: Q,
  correlationId: number,
): Buffer[] {
  const isFlexible = version >= api.flexibleFrom
  const writer = new Writer(version, isFlexible)
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(correlationId)
  writer.int16(3)
  writer.text('raw', 3)
  if (isFlexible) writer.unsignedVarint(0)
  api.request.write(writer, request)
  return writer.frame()
}

function decode<Q, R>(api: Api<Q, R>, version: number, frame: Buffer): R {
  const reader = new Reader(frame, version, version >= api.flexibleFrom, 4)
  const value = api.response.read(reader)
  if (reader.remaining > 0)
    throw new Error(`${reader.remaining} bytes too many in the response of ${api.name}`)
  return value
}
