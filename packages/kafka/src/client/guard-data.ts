import type { Socket } from 'node:net'

/**
 * Mends a fault of kafkajs 2.2.4: what it does with the bytes of a socket throws where they cannot be an answer,
 * such as one of fewer bytes than its correlation id takes, and nobody catches it: the process ends. Here that
 * socket is lost, as by any other error, and its requests fail.
 *
 * Call it before anything listens.
 */
export function guardData(socket: Socket): void {
  const on = socket.on.bind(socket) as (event: string, listener: (...args: unknown[]) => void) => Socket
  socket.on = ((event: string, listener: (...args: unknown[]) => void) =>
    on(event, event === 'data' ? guarded(socket, listener) : listener)) as Socket['on']
}

function guarded(socket: Socket, listener: (...args: unknown[]) => void): (...args: unknown[]) => void {
  return (...args) => {
    if (socket.destroyed) return
    try {
      listener(...args)
    } catch (error) {
      socket.destroy(new Error('what came from the broker is no answer of Kafka', { cause: error }))
    }
  }
}
