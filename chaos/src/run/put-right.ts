import type { PlacedOrder } from '../checks/facts.ts'
import { type Drained, untilDrained } from '../facts/drained.ts'
import type { FaultKind } from '../faults/schedule.ts'
import { operatorAt } from '../operator/operator.ts'
import type { World } from '../world/world.ts'
import { equipmentFor } from './equipment.ts'

export interface PutRightOptions {
  readonly kinds: readonly FaultKind[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/**
 * What people do when the faults are over. First they wait, so that it is seen that what is set aside holds up
 * nothing else; then they deploy a release without the bug; then two of them redrive every dead letter, at once.
 */
export async function putRight(
  world: World,
  orders: readonly PlacedOrder[],
  { kinds, note, ...options }: PutRightOptions,
): Promise<Drained> {
  if (!kinds.includes('poison')) return untilDrained(world, options)
  const awaiting = new Set(orders.flatMap(({ curse, answers }) => (curse ? answers : [])))
  const before = await untilDrained(world, { ...options, awaiting })
  if (before.open.length > 0) return before
  note('Mending what was set aside …')
  await Promise.all(
    [...world.instances.values()].map(async ({ service, number, part, equip }) => {
      equip(equipmentFor(service, kinds, { isMended: true }))
      if (number > 1) return
      await part.stop()
      await part.start()
    }),
  )
  const quarrels = await Promise.all(world.services.map((service) => redriveAll(world, service)))
  const after = await untilDrained(world, { ...options, isRedriven: true })
  return { ...after, open: [...quarrels.flat(), ...after.open] }
}

/** @returns what is wrong with what the two were told */
async function redriveAll(world: World, service: string): Promise<readonly string[]> {
  const url = world.instance(`${service}-1`).adminUrl
  const [ada, bob] = [operatorAt(url, 'ada'), operatorAt(url, 'bob')]
  const ids = (await ada.letters()).map(({ id }) => id)
  const told = await Promise.all([ada, bob].map((one) => one.redrive(ids, 'A release without the bug.')))
  const redriven = told.flat().toSorted()
  return redriven.join() === ids.toSorted().join()
    ? []
    : [`of ${service}'s dead letters ${ids.join(', ')} two operators redrove ${redriven.join(', ')}`]
}
