const sizeBytes = 4
/** Answers that name brokers are small; fetched records are not, and are not looked at. */
const frameBytesMax = 65_536
const host = Buffer.from('127.0.0.1')

/**
 * Makes a broker's answers send its clients to another port: what names the broker's own address names that
 * one instead, which is as long. Works on whole answers, so that no cut between two pieces hides an address.
 */
export function namingPort(brokerPort: number, port: number): (chunk: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0)
  /** Of a large answer, what is still to come. */
  let passing = 0
  return (chunk) => {
    const out: Buffer[] = []
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      if (passing > 0) {
        const part = rest.subarray(0, passing)
        out.push(part)
        passing -= part.length
        rest = rest.subarray(part.length)
      }
      if (rest.length < sizeBytes) break
      const end = sizeBytes + rest.readInt32BE(0)
      if (end > frameBytesMax) {
        passing = end
        continue
      }
      if (rest.length < end) break
      out.push(renamed(rest.subarray(0, end), brokerPort, port))
      rest = rest.subarray(end)
    }
    return Buffer.concat(out)
  }
}

function renamed(frame: Buffer, brokerPort: number, port: number): Buffer {
  const changed = Buffer.from(frame)
  for (let at = changed.indexOf(host); at >= 0; at = changed.indexOf(host, at + 1)) {
    const portAt = at + host.length
    if (portAt + 4 <= changed.length && changed.readInt32BE(portAt) === brokerPort) {
      changed.writeInt32BE(port, portAt)
    }
  }
  return changed
}
