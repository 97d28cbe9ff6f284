import { join } from 'node:path'
import { curse } from '../poison/curse.ts'
import { graftsVariable } from '../graft/choose.ts'
import { type FaultKind, patienceMs } from '../faults/schedule.ts'
import { compiled } from '../processes/compiled.ts'
import type { Equipment } from '../world/instance.ts'

/** What instances of a service are started with for faults of these kinds. */
export function equipmentFor(
  service: string,
  kinds: readonly FaultKind[],
  { isMended = false }: { readonly isMended?: boolean } = {},
): Equipment {
  const isPoisoned = kinds.includes('poison')
  const isCursed = isPoisoned && !isMended && (service === 'payment' || service === 'shipping')
  return {
    nodeArguments: isCursed ? ['--import', join(compiled, 'graft', 'register.js')] : [],
    environment: {
      ...(isCursed ? { [graftsVariable]: curse.name } : {}),
      ...(isPoisoned ? { TROUPE_UNKNOWN_SCHEMA_WAIT_MS: '300' } : {}),
      // A good two seconds. Only where nothing else fails that is an event's own: payment calls the gateway.
      ...(isPoisoned && service === 'shipping'
        ? { TROUPE_RETRY_ATTEMPTS: '4', TROUPE_RETRY_DELAY_MS: '200' }
        : {}),
      ...(kinds.includes('silent-service') ? patienceOf(service) : {}),
    },
  }
}

function patienceOf(service: string): Readonly<Record<string, string>> {
  const name = service === 'payment' ? 'ReservationOverdue' : service === 'order' ? 'OrderOverdue' : undefined
  return name === undefined ? {} : { TROUPE_DEADLINES: `${name}=${patienceMs[name]}` }
}
