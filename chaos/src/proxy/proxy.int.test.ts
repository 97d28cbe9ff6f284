import { afterEach, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { until } from '../world/until.ts'
import { type Proxy, startProxy } from './proxy.ts'

const open: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

interface Talk {
  readonly socket: Socket
  /** What came back. */
  heard(): string
  readonly closed: Promise<unknown>
}

async function talkTo(port: number): Promise<Talk> {
  const socket = connect(port, '127.0.0.1')
  open.push(() => void socket.destroy())
  let heard = ''
  socket.on('data', (chunk) => (heard += chunk.toString()))
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { socket, heard: () => heard, closed }
}

/** A server that answers with what it got, in capitals. */
async function echo(): Promise<{ readonly port: number; readonly got: () => string }> {
  let got = ''
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      got += chunk.toString()
      socket.write(chunk.toString().toUpperCase())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => void server.close())
  return { port: (server.address() as AddressInfo).port, got: () => got }
}

async function between(): Promise<{
  readonly proxy: Proxy
  readonly got: () => string
  readonly talk: Talk
}> {
  const { port, got } = await echo()
  const proxy = await startProxy({ target: port })
  open.push(() => proxy.close())
  const talk = await talkTo(proxy.port)
  talk.socket.write('one.')
  await until(() => talk.heard() === 'ONE.')
  return { proxy, got, talk }
}

describe('A proxy', () => {
  it('breaks every connection, and lets new ones through', async () => {
    const { proxy, talk } = await between()
    proxy.cut()
    await talk.closed
    const again = await talkTo(proxy.port)
    again.socket.write('two.')
    await until(() => again.heard() === 'TWO.')
    expect(proxy.connections).toBe(2)
  })

  it('passes exactly as many bytes on as it was told, and breaks the connection', async () => {
    const { proxy, talk, got } = await between()
    const cut = proxy.cutAfter('client', 6)
    talk.socket.write('abcd')
    await until(() => got() === 'one.abcd')
    talk.socket.write('efgh')
    await cut
    await talk.closed
    await until(() => got() === 'one.abcdef')
  })

  it('cuts what the client gets, also where it is rewritten and held back', async () => {
    const { port } = await echo()
    let held = ''
    /** Passes on the text up to its last full stop, between brackets. */
    const rewrite = () => (chunk: Buffer) => {
      held += chunk.toString()
      const end = held.lastIndexOf('.') + 1
      const [whole, rest] = [held.slice(0, end), held.slice(end)]
      held = rest
      return Buffer.from(whole === '' ? '' : `[${whole}]`)
    }
    const proxy = await startProxy({ target: port, rewrite })
    open.push(() => proxy.close())
    const talk = await talkTo(proxy.port)
    const cut = proxy.cutAfter('server', 6)
    talk.socket.write('ab')
    await until(() => held === 'AB')
    talk.socket.write('cdef.')
    await cut
    await talk.closed
    expect(talk.heard()).toBe('[ABCDE')
  })

  it('keeps an answer to itself: what was asked was done, and the asker does not know', async () => {
    const { proxy, talk, got } = await between()
    const lost = proxy.loseAnswerTo((sent) => sent.includes('commit'))
    talk.socket.write('begin.')
    await until(() => talk.heard() === 'ONE.BEGIN.')
    talk.socket.write('commit.')
    await lost
    await talk.closed
    expect(talk.heard()).toBe('ONE.BEGIN.')
    expect(got()).toBe('one.begin.commit.')
  })

  it('falls silent without losing anything', async () => {
    const { proxy, talk, got } = await between()
    proxy.silence(true)
    talk.socket.write('held.')
    const late = await talkTo(proxy.port)
    late.socket.write('new.')
    await until(() => proxy.connections === 2)
    expect(got()).toBe('one.')
    proxy.silence(false)
    await until(() => talk.heard() === 'ONE.HELD.' && late.heard() === 'NEW.')
  })

  it('is late without losing the order', async () => {
    const { proxy, talk } = await between()
    proxy.delay(50)
    talk.socket.write('slow.')
    await until(() => talk.socket.bytesWritten === 9)
    proxy.delay(0)
    talk.socket.write('fast.')
    await until(() => talk.heard() === 'ONE.SLOW.FAST.')
  })

  it('refuses until it is healed', async () => {
    const { proxy, talk } = await between()
    proxy.refuse(true)
    await talk.closed
    const refused = await talkTo(proxy.port)
    await refused.closed
    proxy.heal()
    const again = await talkTo(proxy.port)
    again.socket.write('back.')
    await until(() => again.heard() === 'BACK.')
  })
})
