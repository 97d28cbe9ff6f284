import type { StackOptions } from '@troupe/embedded'
import type { Address } from './address.ts'

/** Addresses in the form in which the stack's parts take them. */
export function stackAddresses(
  addresses: Partial<Record<'kafka' | 'registry' | 'postgres', Address>>,
): Pick<StackOptions, 'kafka' | 'registry' | 'postgres'> {
  const { kafka, registry, postgres } = addresses
  return {
    ...(kafka ? { kafka: { ...kafka } } : {}),
    ...(registry ? { registry: { ...registry } } : {}),
    ...(postgres ? { postgres: { ...postgres } } : {}),
  }
}
