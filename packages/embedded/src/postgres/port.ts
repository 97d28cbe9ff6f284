import { createServer } from 'node:net'
import { EmbeddedError, systemCodeOf } from '../embedded-error.ts'

/**
 * A port on `host` that was free a moment ago: `port` itself, or any when it is 0.
 * @throws EmbeddedError PORT_TAKEN, or BAD_OPTION for a host that this machine does not have.
 */
export async function probePort(host: string, port: number): Promise<number> {
  const server = createServer()
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'EADDRINUSE') {
      throw new EmbeddedError(
        'PORT_TAKEN',
        `Port ${port} on ${host} is taken. Stop what listens there, choose another port, or leave it out for any free one.`,
        { cause: error },
      )
    }
    throw new EmbeddedError('BAD_OPTION', `Cannot listen on ${host}:${port}: ${code ?? String(error)}.`, {
      cause: error,
    })
  } finally {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
  }
}
