import net from 'node:net'

/** Stands between a service and its database. */
export interface TcpProxy {
  readonly port: number
  /** What becomes of each write of the client; may be changed at any time. */
  treat: Treatment
  /** Cuts every connection now. */
  cutAll(): void
  close(): Promise<void>
}

/**
 * - `pass`: forwarded
 * - `swallow`: the client's connection is cut, the server gets nothing
 * - `cut`: forwarded, then the client's connection is cut
 * - `delay`: the client's connection is cut, the server gets it a while later
 */
export type Treatment = (sent: Buffer) => 'pass' | 'swallow' | 'cut' | 'delay'

const delayMs = 60

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const clients = new Set<net.Socket>()
  const servers = new Set<net.Socket>()
  const proxy: Pick<TcpProxy, 'treat'> = { treat: () => 'pass' }
  const listener = net.createServer((client) => {
    const server = net.connect({ host: '127.0.0.1', port: targetPort })
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
    server.on('data', (answer) => client.destroyed || client.write(answer))
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
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return Object.assign(proxy, {
    port: (listener.address() as net.AddressInfo).port,
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
