import { freePort } from '@troupe/embedded'
import net from 'node:net'

/** Stands between a service and what it needs. */
export interface TcpProxy {
  readonly port: number
  /** What becomes of each write of the client; may be changed at any time. */
  treat: Treatment
  /** Cuts every connection now. */
  cutAll(): void
  /** Cuts every connection, and refuses new ones. */
  close(): Promise<void>
  /** Listens again where it did before. */
  accept(): Promise<void>
}

/**
 * - `pass`: forwarded
 * - `swallow`: the client's connection is cut, the server gets nothing
 * - `cut`: forwarded, then the client's connection is cut
 * - `delay`: the client's connection is cut, the server gets it a while later
 */
export type Treatment = (sent: Buffer) => 'pass' | 'swallow' | 'cut' | 'delay'

const delayMs = 60

export interface TcpProxyOptions {
  /** Where it listens. Default: the loopback interface. */
  readonly host?: string
  /** Changes what the server answers. */
  readonly rewrite?: (answer: Buffer) => Buffer
}

/** @param target the server's port on this machine, or where else it is */
export async function startTcpProxy(
  target: number | { readonly host: string; readonly port: number },
  { host = '127.0.0.1', rewrite = (answer) => answer }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const clients = new Set<net.Socket>()
  const servers = new Set<net.Socket>()
  const proxy: Pick<TcpProxy, 'treat'> = { treat: () => 'pass' }
  const listener = net.createServer((client) => {
    const server = net.connect(typeof target === 'number' ? { host: '127.0.0.1', port: target } : target)
    clients.add(client)
    servers.add(server)
    client.on('error', () => {})
    server.on('error', () => {})
    client.on('data', (sent) => {
      const treatment = proxy.treat(sent)
      if (treatment === 'pass') return void server.write(sent)
      client.destroy()
      if (treatment === 'cut') server.write(sent)
      if (treatment === 'delay') setTimeout(() => server.write(sent), delayMs)
    })
    server.on('data', (answer) => client.destroyed || client.write(rewrite(answer)))
    client.on('close', () => {
      clients.delete(client)
      // What was forwarded is to be handled: the server hears of the end a while later.
      setTimeout(() => server.destroy(), 4 * delayMs)
    })
    server.on('close', () => {
      servers.delete(server)
      client.destroy()
    })
  })
  const listen = (port: number) => new Promise<void>((resolve) => listener.listen(port, host, resolve))
  await listen(await freePort())
  const { port } = listener.address() as net.AddressInfo
  return Object.assign(proxy, {
    port,
    accept: () => listen(port),
    cutAll() {
      for (const client of clients) client.destroy()
    },
    close: () =>
      new Promise<void>((resolve) => {
        listener.close(() => resolve())
        for (const socket of [...clients, ...servers]) socket.destroy()
      }),
  })
}

/** Makes a broker send its clients to another port of the host that it names: the port follows the host. */
export function advertising(port: number, hostName: string, chunk: Buffer): Buffer {
  const host = Buffer.from(hostName)
  const changed = Buffer.from(chunk)
  for (let at = changed.indexOf(host); at >= 0; at = changed.indexOf(host, at + 1))
    if (at + host.length + 4 <= changed.length) changed.writeInt32BE(port, at + host.length)
  return changed
}
