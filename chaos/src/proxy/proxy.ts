// A TCP proxy that can do what networks do: cut, fall silent, be slow, lose an answer.
//
// Invariants
// 1. Bytes arrive in order and unchanged (but for `rewrite`), or the connection breaks: nothing is dropped
//    in the middle of a stream.
// 2. A trap springs once: on the first connection that it fits, whichever that is.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { openPipe, type Pipe, type PipeState, type Side, type Trap } from './pipe.ts'

export interface ProxyOptions {
  /** The port behind it, on this machine. */
  readonly target: number
  /** Makes, per connection, what changes the server's bytes. It gets the proxy's own port. */
  readonly rewrite?: (port: number) => (chunk: Buffer) => Buffer
}

export interface Proxy {
  readonly port: number
  /** Connections that were ever made. */
  readonly connections: number
  /** Breaks every connection. New ones are welcome. */
  cut(): void
  /** Passes this many bytes on from one side, on whatever connections, and breaks the one that sent the last. */
  cutAfter(from: Side, bytes: number): Promise<void>
  /**
   * Passes on what the client sends and `isIt` says yes to, waits until the server has begun to answer, keeps
   * the answer to itself and breaks the connection: it was done, and the client does not know.
   */
  loseAnswerTo(isIt: (sent: Buffer) => boolean): Promise<void>
  /** Passes nothing on, in neither direction, until told otherwise; nothing is lost, as in a network that is down. */
  silence(isSilent: boolean): void
  /** Everything arrives so much later. */
  delay(ms: number): void
  /** Breaks every connection, and every new one at once. */
  refuse(isRefusing: boolean): void
  /** Takes back everything that goes on; traps that have not sprung are taken away. */
  heal(): void
  close(): Promise<void>
}

export async function startProxy({ target, rewrite }: ProxyOptions): Promise<Proxy> {
  const pipes = new Set<Pipe>()
  const state: PipeState = { isSilent: false, delayMs: 0, traps: new Set() }
  let isRefusing = false
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    if (isRefusing) return void client.destroy()
    const pipe = openPipe(client, { target, state, ...(rewrite ? { rewrite: rewrite(port) } : {}) })
    pipes.add(pipe)
    void pipe.closed.then(() => pipes.delete(pipe))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const cut = () => {
    for (const pipe of pipes) pipe.cut()
  }
  const silence = (isSilent: boolean) => {
    state.isSilent = isSilent
    for (const pipe of pipes) pipe.look()
  }
  return {
    port,
    get connections() {
      return connections
    },
    cut,
    cutAfter(from, bytes) {
      let left = bytes
      return new Promise((sprung) => {
        const trap: Trap = {
          from,
          spring(pipe, chunk) {
            left -= chunk.length
            if (left > 0) return 'pass'
            state.traps.delete(trap)
            pipe.writeAndCut(from, chunk.subarray(0, chunk.length + left))
            sprung()
            return 'taken'
          },
        }
        state.traps.add(trap)
      })
    },
    loseAnswerTo(isIt) {
      return new Promise((sprung) => {
        const trap: Trap = {
          from: 'client',
          spring(pipe, chunk) {
            if (!isIt(chunk)) return 'pass'
            state.traps.delete(trap)
            pipe.swallowAnswer(sprung)
            return 'pass'
          },
        }
        state.traps.add(trap)
      })
    },
    silence,
    delay(ms) {
      state.delayMs = ms
    },
    refuse(refusing) {
      isRefusing = refusing
      if (refusing) cut()
    },
    heal() {
      isRefusing = false
      state.delayMs = 0
      state.traps.clear()
      silence(false)
    },
    async close() {
      isRefusing = true
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
