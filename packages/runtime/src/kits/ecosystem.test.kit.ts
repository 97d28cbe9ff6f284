// A small ecosystem on a real stack: a counter where money is paid in, by command, and a bank that books it.
// Every test gets types, topics, groups and databases of its own, so that one stack serves a whole file.
import { avroEvent } from '@troupe/avro'
import { command, document, type EventType, type PerformContext, reaction, service } from '@troupe/core'
import { z } from 'zod'
import { createService, type ServiceOptions } from '../service/create-service.ts'
import type { Settings } from '../settings/environment.ts'
import { keepingLog } from './fakes.test.kit.ts'
import type { RunningService } from '../service/running-service.ts'
import { type Part, type StackParts, startParts } from './stack-parts.test.kit.ts'

export interface PaidInData {
  readonly account: string
  readonly number: number
  readonly trick: string
}

export interface Booking {
  /** The numbers that were booked, in order. */
  readonly booked: readonly number[]
}

const fields = [
  { name: 'account', type: 'string' },
  { name: 'number', type: 'int' },
  { name: 'trick', type: 'string', default: '' },
] as const

const booking = z.object({ booked: z.array(z.int()) })

export interface EcosystemOptions {
  /** An event that the bank says besides, as a later version of it might. Default: none. */
  readonly says?: string
  /** An event of somebody else that the bank books as well. Default: none. */
  readonly hears?: EventType<string, PaidInData>
  readonly perform?: (data: PaidInData, context: PerformContext) => Promise<string>
}

/** Types and services named after a test. */
export function ecosystem(name: string, { perform, says, hears }: EcosystemOptions = {}) {
  const event = <const Type extends string>(type: Type, owner: string) =>
    avroEvent<Type, PaidInData, Omit<PaidInData, 'trick'> & { trick?: string }>({
      owner,
      schema: { type: 'record', name: type, namespace: owner.replaceAll('-', '_'), key: 'account', fields },
    })
  const PaidIn = event('PaidIn', `${name}-counter`)
  const Booked = event('Booked', `${name}-bank`)
  const More = event(says ?? 'BookedMore', `${name}-bank`)
  const account = document<Booking>({
    name: 'account',
    initial: () => ({ booked: [] }),
    parse: (stored) => booking.parse(stored),
  })

  const payIn = command({
    emits: [PaidIn],
    reads: (input: { account: string; number: number; trick?: string }) => [account(input.account)],
    react(input, { get, put, emit }) {
      put(account(input.account), { booked: [...get(account(input.account)).booked, input.number] })
      emit(PaidIn, input)
      return { number: input.number }
    },
  })
  const book = reaction({
    on: hears ? [PaidIn, hears] : PaidIn,
    emits: says === undefined ? [Booked] : [Booked, More],
    reads: ({ data }) => [account(data.account)],
    perform: ({ data }, context) => perform?.(data, context) ?? Promise.resolve(''),
    react({ data }, { get, put, emit }) {
      if (data.trick === 'throw') throw new Error('could not tell')
      if (data.trick === 'memory') takeAllMemory()
      put(account(data.account), { booked: [...get(account(data.account)).booked, data.number] })
      emit(Booked, { account: data.account, number: data.number })
      if (says !== undefined) emit(More, { account: data.account, number: data.number })
    },
  })
  // Without a call to the outside, it is the normal form.
  const { perform: _, ...pure } = book
  const counter = service({ name: `${name}-counter`, reactions: {}, commands: { payIn } })
  const bank = service({
    name: `${name}-bank`,
    reactions: { book: perform ? book : { ...pure, perform: undefined } },
  })
  return { PaidIn, Booked, account, payIn, counter, bank }
}

/** Ends the process, out of memory. */
function takeAllMemory(): never {
  // In large pieces: many small ones keep the collector busy for long before it gives up.
  for (const taken: object[] = []; ; ) taken.push(Array.from({ length: 1_000_000 }, () => 0))
}

/** A stack whose parts can be stopped and started again where they were. */
export interface TestStack {
  readonly kafka: StackParts['kafka']
  readonly registry: Part
  readonly postgres: Part
  /** The registry forgets everything, and goes on. */
  emptyRegistry(): Promise<void>
  /** Settings of a service, with a database of its own. */
  settings(name: string, change?: Partial<Settings>): Promise<Settings>
  /** A service that is stopped with the stack, if nobody stops it before; its log keeps every line. */
  create(
    service: Parameters<typeof createService>[0],
    settings: Settings,
    options?: Partial<ServiceOptions>,
  ): { readonly running: RunningService; readonly log: ReturnType<typeof keepingLog> }
  stop(): Promise<void>
}

export async function startTestStack(): Promise<TestStack> {
  const { kafka, registry, postgres, namespace, close } = await startParts()
  const services: RunningService[] = []

  return {
    kafka,
    registry,
    postgres,
    emptyRegistry: () => registry.empty(),
    async settings(name, change = {}) {
      return {
        kafkaBrokers: [kafka.address],
        registryUrl: registry.url,
        databaseUrl: await postgres.createDatabase(name),
        ...(namespace === undefined ? {} : { namespace }),
        http: undefined,
        logLevel: 'silent',
        topicPartitions: 3,
        topicReplication: 1,
        startTimeoutMs: 120_000,
        stopTimeoutMs: 20_000,
        eventBytesMax: 900_000,
        unknownSchemaWaitMs: 1_000,
        retry: { delayScale: 0.001 },
        performTimeoutMs: 10_000,
        // Nobody dies here, and nobody is to be left on a machine that is busy.
        sessionTimeoutMs: 10_000,
        isStoppedWithParent: false,
        ...change,
      }
    },
    create(service, settings, options = {}) {
      const log = keepingLog()
      const running = createService(service, settings, { log, ...options })
      services.push(running)
      return { running, log }
    },
    async stop() {
      await Promise.all(services.map((one) => one.stop()))
      await close()
    },
  }
}

/** Pays in, insisting under one key per payment, and gives the numbers per account in the order of their answers. */
export async function payMany(
  counter: RunningService,
  { payIn }: ReturnType<typeof ecosystem>,
  {
    count,
    accounts = 5,
    from = 0,
  }: { readonly count: number; readonly accounts?: number; readonly from?: number },
): Promise<void> {
  await Promise.all(
    Array.from({ length: accounts }, async (_, account) => {
      for (let n = 0; n < count / accounts; n++) {
        const number = from + n
        const input = { account: `a${account}`, number }
        for (;;) {
          try {
            await counter.decide(payIn, input, { idempotencyKey: `${account}/${number}` })
            break
          } catch {
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
      }
    }),
  )
}
