import { freePort } from '@troupe/embedded'
import net from 'node:net'

/** Stands between a client and a broker. */
export interface TcpProxy {
  readonly port: number
  /** Connections that were ever made. */
  readonly connections: number
  /** Swallow everything in both directions from now on: to the client, the broker has fallen silent. */
  hush(): void
  /** Loses the next answer of the broker: breaks its connection in place of passing it on. */
  cutNextAnswer(): void
  /** Breaks every connection and refuses new ones. */
  refuse(): Promise<void>
  /** Listens again, where it did before. */
  accept(): Promise<void>
  close(): Promise<void>
}

export interface TcpProxyOptions {
  /** Changes what the broker answers. */
  readonly rewrite?: (chunk: Buffer) => Buffer
}

/** Where a proxy passes everything on to; it listens on the same host. */
export interface ProxyTarget {
  readonly host: string
  readonly port: number
}

export async function startTcpProxy(
  target: ProxyTarget,
  { rewrite }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>()
  let connections = 0
  let isHushed = false
  let isToCut = false
  const server = net.createServer((client) => {
    connections += 1
    const broker = net.connect(target)
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.on('data', (chunk) => isHushed || broker.write(chunk))
    broker.on('data', (chunk) => {
      if (isToCut) client.destroy()
      else if (!isHushed) client.write(rewrite ? rewrite(chunk) : chunk)
      isToCut = false
    })
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, target.host, resolve))
  const refuse = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  await listen(await freePort())
  const { port } = server.address() as net.AddressInfo
  return {
    port,
    get connections() {
      return connections
    },
    hush() {
      isHushed = true
    },
    cutNextAnswer() {
      isToCut = true
    },
    refuse,
    accept: () => listen(port),
    close: refuse,
  }
}

/** A port on which nobody listens: not one that was free a moment ago, which somebody else may get. */
export const closedPort = 1

/** Makes a broker send its clients to another port of the host that it names. */
export function advertising(port: number, hostName: string): (chunk: Buffer) => Buffer {
  const host = Buffer.from(hostName)
  return (chunk) => {
    const changed = Buffer.from(chunk)
    for (let at = changed.indexOf(host); at >= 0; at = changed.indexOf(host, at + 1))
      if (at + host.length + 4 <= changed.length) changed.writeInt32BE(port, at + host.length)
    return changed
  }
}
