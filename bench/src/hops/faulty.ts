import { Client } from 'pg'
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import type { Scene } from '../run/case.ts'
import type { Contender } from './contender.ts'
import { faulty } from './faulty-orders.ts'
import { pileUp } from './measure.ts'
import { openSolo, type Solo } from './solo.ts'
import { startTill, troupePayment } from './troupe.ts'

/** The payment service with a bug that concerns some orders, until it is mended. */
export interface FaultySolo extends Solo {
  /** To its database. */
  readonly client: Client
  /** Publishes orders over which it stumbles until it is mended. */
  feedFaulty(count: number, perSecond: number): Promise<void>
  break(): Promise<void>
  mend(): Promise<void>
}

/** Starts it broken, with these settings, warm; what has started is stopped if it fails. */
export async function openFaulty(
  { signal, size, isQuick }: Scene,
  environment: Readonly<Record<string, string>>,
): Promise<FaultySolo> {
  let isMarking = false
  const newId = () => (isMarking ? faulty(v7()) : v7())
  const solo = await openSolo(faultyPayment(environment), { signal, isQuick, newId })
  const client = new Client({ connectionString: solo.adminUrl })
  const close = async () => {
    await client.end()
    await solo.close()
  }
  try {
    await client.connect()
    await pileUp(solo.rig, solo.child, solo.cast, size('warm-up'))
    solo.rig.takeLatencies()
    return {
      ...solo,
      client,
      async feedFaulty(count, perSecond) {
        isMarking = true
        try {
          await solo.rig.pace(perSecond, count / perSecond)
        } finally {
          isMarking = false
        }
      },
      break: async () => void (await solo.child.ask('break')),
      mend: async () => void (await solo.child.ask('mend')),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function faultyPayment(settings: Readonly<Record<string, string>>): Contender {
  return {
    ...troupePayment,
    start: (stack, { environment, ...options }) =>
      startTill('./faulty-till-process.js', stack, {
        ...options,
        // That orders fail is meant.
        environment: { TROUPE_LOG_LEVEL: 'silent', ...settings, ...environment },
      }),
  }
}

const waitMsMax = 120_000

/** Waits until a query counts so many. @throws if it takes two minutes, or the signal's reason */
export async function untilCounted(
  client: Client,
  query: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  for (const untilMs = Date.now() + waitMsMax; ; await delay(50, undefined, { signal })) {
    const { rows } = await client.query<{ count: string }>(query)
    if (Number(rows[0]?.count) === count) return
    if (Date.now() > untilMs)
      throw new Error(`${query} says ${rows[0]?.count} after ${waitMsMax} ms, and not ${count}.`)
  }
}
