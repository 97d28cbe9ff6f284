import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a broker on which it seems to advertise another port than its own: the classic of Kafka in containers. */
export async function startAdvertising(brokerAddress: string, advertisedPort: number) {
  const [host = '', port = ''] = brokerAddress.split(':')
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(Number(port), host)
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        broker.destroy()
      })
    }
    client.pipe(broker)
    broker.on('data', (chunk: Buffer) => client.write(readvertised(chunk, host, advertisedPort)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    advertised: `${host}:${advertisedPort}`,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** In Kafka's answers the port follows the name of the host, in four bytes. */
function readvertised(chunk: Buffer, host: string, port: number): Buffer {
  const changed = Buffer.from(chunk)
  for (let at = changed.indexOf(host); at >= 0; at = changed.indexOf(host, at + 1))
    if (at + host.length + 4 <= changed.length) changed.writeInt32BE(port, at + host.length)
  return changed
}
