// Decides on commands. Those that arrive while a transaction is under way share the next one.
//
// Invariants
// 1. One transaction is under way at a time; what waits is bounded by `waitingMax`.
// 2. A command that throws is answered with what it threw, and takes no part in the transaction.
// 3. The answer is given after the commit, never before.
// 4. What is emitted waits in memory for Kafka, so commands are refused while too much of it does.

import {
  type Command,
  decideOn,
  decideTwice,
  type Deciding,
  type DocumentName,
  type Elsewhere,
  flawOfJson,
  flawOfName,
  idsOf,
  isTroupeError,
  recallFor,
  type Request,
  retryVerdictOf,
  type Service,
  type TraceContext,
  type TraceEmitted,
  TroupeError,
  type WorkingSet,
  nameLengthMax,
} from '@troupe/core'
import { heldBackAt, type OutboxLimits } from './back-pressure.ts'
import { inputHashOf, newIdempotencyKey } from './ids.ts'
import { recallAndSettle, type SettleOptions } from './settle.ts'
import { caller } from '../observe/tracing-context.ts'
import type { Tracing, WorkSpan } from '../observe/tracing.ts'

export interface DeciderOptions extends SettleOptions {
  readonly service: Service
  readonly deciding: Omit<Deciding, 'timeMs'>
  /** In development: commands are run twice, the second time in there, and must say the same. */
  readonly elsewhere?: Elsewhere | undefined
  readonly now: () => number
  /** How many commands one transaction takes at most. */
  readonly batchCommandsMax: number
  /** How many commands may wait before new ones are refused. */
  readonly waitingMax: number
  /** How much may wait for Kafka before new commands are refused. */
  readonly outboxLimits: OutboxLimits
  readonly tracing?: Tracing | undefined
}

export interface Decider {
  /**
   * @throws TroupeError `TROUPE_COMMAND_UNKNOWN`, `TROUPE_COMMAND_INPUT_INVALID`, `TROUPE_IDEMPOTENCY_KEY_INVALID`,
   *   `TROUPE_IDEMPOTENCY_KEY_REUSED`, `TROUPE_OVERLOADED`, `TROUPE_STOPPED`; whatever the command throws
   */
  decide<Input extends object, Answer>(
    command: Command<Input, Answer>,
    input: Input,
    options?: DecideCommandOptions,
  ): Promise<Answer>
  /** Refuses new commands; resolves when those under way are answered. */
  stop(): Promise<void>
}

export interface DecideCommandOptions {
  /** The same key gets the same answer, and nothing is done a second time. Default: a new key. */
  readonly idempotencyKey?: string
}

interface Waiting {
  readonly request: Request
  readonly span: WorkSpan | undefined
  /** Where nobody traces: where the caller is in a trace of his. */
  readonly trace: TraceContext | undefined
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** Creates the decider of one service. */
export function createDecider(options: DeciderOptions): Decider {
  const { service, batchCommandsMax } = options
  const names = new Map([...service.commands].map(([name, command]) => [command as unknown, name]))
  const waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let isStopped = false

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchCommandsMax)
      try {
        await decideTraced(batch, options)
      } catch (error) {
        // One command that the database refuses must not fail its neighbours: each again, alone.
        if (retryVerdictOf(error) === 'blame' && batch.length > 1) {
          for (const one of batch) await decideTraced([one], options).catch((own: unknown) => one.reject(own))
        } else for (const { reject } of batch) reject(error)
      }
    }
    running = undefined
  }

  return {
    decide(command, input, { idempotencyKey = newIdempotencyKey() } = {}) {
      return new Promise((resolve, reject) => {
        const name = names.get(command)
        if (name === undefined) {
          throw new TroupeError(
            'TROUPE_COMMAND_UNKNOWN',
            `The service ${service.name} does not list this command. List it under \`commands\`.`,
          )
        }
        if (isStopped)
          throw new TroupeError(
            'TROUPE_STOPPED',
            `${service.name} is stopping and takes no more commands. Ask again in a moment.`,
          )
        refuseOverload(waiting.length, options)
        refuseUnfitKey(idempotencyKey)
        refuseUnfitInput(name, input)
        const request: Request = {
          form: 'command',
          name,
          command,
          input,
          inputHash: inputHashOf(input),
          idempotencyKey,
        }
        const span = options.tracing?.command(name)
        waiting.push({
          request,
          span,
          trace: caller.getStore(),
          resolve(answer) {
            span?.committed()
            resolve(answer as never)
          },
          reject(error) {
            span?.failed('refused', error)
            reject(error)
          },
        })
        running ??= work()
      })
    },
    async stop() {
      isStopped = true
      await running
    },
  }
}

function decideTraced(batch: readonly Waiting[], options: DeciderOptions): Promise<void> {
  const work = () => decideBatch(batch, options)
  const spans = batch.flatMap(({ span }) => span ?? [])
  return options.tracing ? options.tracing.batch('commands', spans, work) : work()
}

async function decideBatch(batch: readonly Waiting[], options: DeciderOptions): Promise<void> {
  const { service, deciding, now, elsewhere } = options
  const requests = batch.map(({ request }) => request)
  const { request, reads, failed } = recallFor(requests, (causeId) =>
    idsOf(deciding.deriveId, service.name, causeId),
  )
  let ends: (() => void)[] = []
  await recallAndSettle(
    request,
    undefined,
    (set) => {
      const how = { deciding: { ...deciding, timeMs: now() }, elsewhere }
      ends = batch.map((one, index) =>
        endOf(
          one,
          reads[index] ?? [],
          failed.has(index) ? { error: failed.get(index) } : undefined,
          set,
          how,
        ),
      )
    },
    options,
  )
  for (const end of ends) end()
}

/** Decides on one command and returns how to answer it once the transaction has committed. */
function endOf(
  { request, span, trace, resolve, reject }: Waiting,
  reads: readonly DocumentName[],
  failure: { readonly error: unknown } | undefined,
  set: WorkingSet,
  { deciding, elsewhere }: { readonly deciding: Deciding; readonly elsewhere: Elsewhere | undefined },
): () => void {
  try {
    if (failure) throw failure.error
    const known = set.answer(request.name, request.idempotencyKey)
    if (known) {
      if (known.inputHash !== request.inputHash) refuseReusedKey(request)
      span?.became('duplicate')
      return () => resolve(known.answer)
    }
    const traceEmitted = span?.react()
    const run = (using: Deciding, traced: TraceEmitted | undefined) =>
      decideOn(request, reads, set, using, { trace, traceEmitted: traced })
    const twice = (there: Elsewhere) =>
      decideTwice(
        {
          elsewhere: there,
          handler: `${deciding.service}.${request.name}`,
          deciding,
          inputs: { input: request.input },
        },
        (using, isAgain) => run(using, isAgain ? undefined : traceEmitted),
      )
    const changes = elsewhere ? twice(elsewhere) : run(deciding, traceEmitted)
    set.apply(changes)
    span?.became('applied')
    return () => resolve(changes.answer.answer)
  } catch (error) {
    return () => reject(error)
  }
}

function refuseReusedKey({ name, idempotencyKey }: Request): never {
  throw new TroupeError(
    'TROUPE_IDEMPOTENCY_KEY_REUSED',
    `The idempotency key ${idempotencyKey} was used for another ${name} before. Use a new key for a new request.`,
    { details: { command: name, idempotencyKey } },
  )
}

function refuseOverload(waiting: number, { service, relay, waitingMax, outboxLimits }: DeciderOptions): void {
  if (waiting >= waitingMax) {
    throw new TroupeError(
      'TROUPE_OVERLOADED',
      `${service.name} has ${waiting} commands waiting already. Ask again in a moment.`,
    )
  }
  const { state } = relay
  if (heldBackAt(state, outboxLimits) === 'events and commands') {
    throw new TroupeError(
      'TROUPE_OVERLOADED',
      `${service.name} has ${state.queued} events waiting for Kafka already. Ask again when Kafka takes them.`,
    )
  }
}

function refuseUnfitKey(idempotencyKey: string): void {
  const flaw = flawOfName(idempotencyKey)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_IDEMPOTENCY_KEY_INVALID',
    `The idempotency key ${flaw}. Use 1 to ${nameLengthMax} characters of text.`,
  )
}

/** Two inputs are told apart by their JSON: what JSON drops or bends would make them look the same. */
function refuseUnfitInput(name: string, input: object): void {
  const flaw = flawOfJson(input)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_COMMAND_INPUT_INVALID',
    `The input of ${name} is not JSON: ${flaw}. Give plain data.`,
    { details: { command: name } },
  )
}

/** True for what a client should be told to try again in a moment. */
export function isPassing(error: unknown): boolean {
  return (
    isTroupeError(error, 'TROUPE_STOPPED') ||
    isTroupeError(error, 'TROUPE_OVERLOADED') ||
    retryVerdictOf(error) === 'wait'
  )
}
