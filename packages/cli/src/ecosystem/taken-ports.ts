import { messageOf, TroupeError } from '@troupe/core'
import { createServer } from 'node:net'
import { type Address, addressText } from './address.ts'

/**
 * Refuses addresses that cannot be listened on, before anything is started.
 *
 * @param addresses by the option that gave them
 * @throws TroupeError `TROUPE_SETTING_INVALID`, naming the option to change
 */
export async function refuseTakenPorts(
  addresses: Readonly<Record<string, Address | undefined>>,
): Promise<void> {
  const fixed = Object.entries(addresses).flatMap(([option, address]) =>
    address && address.port !== 0 ? [{ option, address }] : [],
  )
  for (const [at, { option, address }] of fixed.entries()) {
    const same = fixed.slice(0, at).find((other) => addressText(other.address) === addressText(address))
    if (same)
      refuse(
        `--${same.option} and --${option} are both ${addressText(address)}. Give each a port of its own.`,
      )
  }
  // Names and foreign addresses fail here as well as ports that are taken.
  for (const [option, address] of Object.entries(addresses)) if (address) await probe(option, address)
}

function probe(option: string, { host, port }: Address): Promise<void> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what = error.code === 'EADDRINUSE' ? 'something else listens there' : messageOf(error)
      const remedy = `Give --${option} another address, or leave it out for a free port.`
      reject(
        new TroupeError(
          'TROUPE_SETTING_INVALID',
          `--${option}: cannot listen on ${addressText({ host, port })}: ${what}. ${remedy}`,
        ),
      )
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })
}

function refuse(message: string): never {
  throw new TroupeError('TROUPE_SETTING_INVALID', message)
}
