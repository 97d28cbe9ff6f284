// One connection through the proxy.
import { connect, type Socket } from 'node:net'

export type Side = 'client' | 'server'

/** Waits for bytes from one side. */
export interface Trap {
  readonly from: Side
  /** `taken`: the trap has seen to these bytes. */
  spring(pipe: Pipe, chunk: Buffer): 'pass' | 'taken'
}

/** What holds for all connections of a proxy. */
export interface PipeState {
  isSilent: boolean
  delayMs: number
  readonly traps: Set<Trap>
}

export interface PipeOptions {
  readonly target: number
  readonly state: PipeState
  readonly rewrite?: (chunk: Buffer) => Buffer
}

export interface Pipe {
  /** Resolves when both ends are closed. */
  readonly closed: Promise<void>
  cut(): void
  /** Passes these last bytes on, and cuts. */
  writeAndCut(from: Side, chunk: Buffer): void
  /** Keeps what the server says next to itself, and cuts. */
  swallowAnswer(onSwallowed: () => void): void
  /** The state has changed. */
  look(): void
}

export function openPipe(client: Socket, { target, state, rewrite }: PipeOptions): Pipe {
  const server = connect({ host: '127.0.0.1', port: target, noDelay: true })
  client.setNoDelay(true)
  let onAnswer: (() => void) | undefined
  let isOver = false
  let isEnding = false

  function cut(): void {
    isOver = true
    // Not `resetAndDestroy`: where the peer has gone already, Node 20 leaves the handle open and spins.
    client.destroy()
    server.destroy()
  }

  function forward(from: Side): (chunk: Buffer) => void {
    const [source, sink] = from === 'client' ? [client, server] : [server, client]
    let late: Promise<void> | undefined
    const write = (chunk: Buffer): void => {
      if (isOver || sink.destroyed) return
      if (sink.write(chunk)) return
      source.pause()
      sink.once('drain', () => state.isSilent || source.resume())
    }
    return (received) => {
      if (isOver) return
      if (from === 'server' && onAnswer) {
        cut()
        return onAnswer()
      }
      // Before the traps: what is cut must be what the client gets, and a rewriter may hold bytes back.
      const chunk = from === 'server' && rewrite ? rewrite(received) : received
      if (chunk.length === 0) return
      for (const trap of state.traps) {
        if (trap.from === from && trap.spring(pipe, chunk) === 'taken') return
      }
      if (state.delayMs === 0 && !late) return write(chunk)
      // What comes later must not overtake what is late already.
      const dueMs = state.delayMs
      const mine = Promise.all([late, new Promise((resolve) => setTimeout(resolve, dueMs))]).then(() => {
        write(chunk)
        if (late === mine) late = undefined
      })
      late = mine
    }
  }

  const ends = [client, server] as const
  const closed = Promise.all(
    ends.map((socket) => new Promise<void>((gone) => socket.once('close', gone))),
  ).then(() => {})
  const pipe: Pipe = {
    closed,
    cut,
    writeAndCut(from, chunk) {
      isOver = true
      isEnding = true
      const [source, sink] = from === 'client' ? [client, server] : [server, client]
      sink.end(chunk)
      source.destroy()
    },
    swallowAnswer(onSwallowed) {
      onAnswer = onSwallowed
    },
    look() {
      for (const socket of ends) {
        if (state.isSilent) socket.pause()
        else socket.resume()
      }
    },
  }
  client.on('data', forward('client'))
  server.on('data', forward('server'))
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    socket.on('error', () => {})
    socket.on('end', () => other.end())
    socket.on('close', () => {
      // After the last bytes of a cut, the end that gets them closes by itself.
      if (!isEnding) other.destroy()
    })
  }
  if (state.isSilent) pipe.look()
  return pipe
}
