import { type AddressInfo, createServer, type Server } from 'node:net'
import { BrokerError } from '../broker-error.ts'
import { Connection, type ConnectionOptions, type Log } from './connection.ts'

/** An open TCP port and its connections. */
export interface Listener {
  readonly port: number
  /** Takes connections from now on; to be called in the turn in which the listener came up. */
  serve(options: ConnectionOptions): void
  /** Ends all connections and frees the port; resolves when both is done. */
  close(): Promise<void>
}

/** Opens `host:port` (0 for any free port). The owner of the result closes it. */
export async function listen(host: string, port: number, log: Log): Promise<Listener> {
  const connections = new Set<Connection>()
  const server = createServer()
  await opened(server, host, port)
  // For example no descriptor left for one more socket: that client is lost, the others go on.
  server.on('error', (error) => log('error', `a connection could not be taken: ${error.message}`))
  return {
    port: (server.address() as AddressInfo).port,
    serve(options) {
      server.on('connection', (socket) => {
        const connection = new Connection(socket, options)
        connections.add(connection)
        socket.on('close', () => connections.delete(connection))
      })
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.close()
      }),
  }
}

function opened(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => reject(whyNotOpened(error, host, port))
    server.once('error', refuse)
    server.listen({ host, port }, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

function whyNotOpened(error: NodeJS.ErrnoException, host: string, port: number): BrokerError {
  if (error.code === 'EADDRINUSE') {
    return new BrokerError(
      'BROKER_ADDRESS_TAKEN',
      `${host}:${port} is taken by another process: stop that one, or choose another port (0 for any free one).`,
      { cause: error },
    )
  }
  return new BrokerError(
    'BROKER_LISTEN_FAILED',
    `cannot listen on ${host}:${port} (${error.message}): choose an address of this machine and a port that this user may open.`,
    { cause: error },
  )
}
