import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that systems take for outgoing connections, which come and go all the time. */
const first = 15_000
const last = 31_000

/**
 * A port of this machine on which nobody listens: for what has to be found at the same place after a restart.
 * Nobody else is given it by chance meanwhile, as a port that the system chose itself (`port: 0`) may be.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first))
    const server = createServer()
    const isFree = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!(await isFree)) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
