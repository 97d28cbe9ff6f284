import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What went over the wire, in order; each letter is one protocol message by its type. */
export interface Chunk {
  readonly from: 'client' | 'server'
  readonly types: string
}

export interface Proxy {
  /** The given URL, through this proxy. */
  readonly url: string
  readonly transcript: Chunk[]
  /** From now on, and on every connection, nothing is passed on in these directions. */
  hold(...directions: Chunk['from'][]): void
  /** Appends bytes to the server's next piece that ends with the given message, once. */
  append(afterType: string, bytes: Buffer): void
  /** Resets every connection. */
  cut(): void
  close(): Promise<void>
}

/** Stands between a ledger and its database, writes down what passes and can stop it. */
export async function startProxy(databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl)
  const transcript: Chunk[] = []
  const sockets = new Set<Socket>()
  const held = new Set<Chunk['from']>()
  let appendix: { afterType: string; bytes: Buffer } | undefined

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const ends = { client, server: upstream }
    for (const from of ['client', 'server'] as const) {
      const to = from === 'client' ? upstream : client
      const typesIn = messageTypes({ skipStartup: from === 'client' })
      sockets.add(ends[from])
      ends[from].on('error', () => {})
      ends[from].on('close', () => to.destroy())
      ends[from].on('data', (data: Buffer) => {
        const types = typesIn(data)
        transcript.push({ from, types })
        if (held.has(from)) return
        if (from === 'server' && appendix && types.endsWith(appendix.afterType)) {
          to.write(Buffer.concat([data, appendix.bytes]))
          appendix = undefined
        } else {
          to.write(data)
        }
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    url: url.href,
    transcript,
    hold: (...directions) => {
      held.clear()
      for (const direction of directions) held.add(direction)
    },
    append: (afterType, bytes) => {
      appendix = { afterType, bytes }
    },
    cut,
    async close() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Reads the types of the messages that start in each piece of a stream. */
function messageTypes({ skipStartup }: { skipStartup: boolean }): (data: Buffer) => string {
  let rest = Buffer.alloc(0)
  let isStartup = skipStartup
  return (data) => {
    rest = Buffer.concat([rest, data])
    let types = ''
    for (;;) {
      const typeBytes = isStartup ? 0 : 1
      if (rest.length < typeBytes + 4) return types
      const end = typeBytes + rest.readInt32BE(typeBytes)
      if (rest.length < end) return types
      if (!isStartup) types += String.fromCharCode(rest[0] as number)
      isStartup = false
      rest = rest.subarray(end)
    }
  }
}
