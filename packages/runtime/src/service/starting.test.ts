import { describe, expect, it } from '@jest/globals'
import { TroupeError } from '@troupe/core'
import { createDependencies } from './dependencies.ts'
import { environment } from '../settings/environment.ts'
import { keepingLog, unreachable } from '../kits/fakes.test.kit.ts'
import { allOrFirstRefusal, insistUntil, whereIs } from './starting.ts'

const need = (attempt: () => Promise<unknown>) => ({
  name: 'database' as const,
  doing: 'prepare the ledger',
  attempt,
  sinceMs: Date.UTC(2026, 0, 2),
  where: 'postgres://db/order',
})

function open() {
  const dependencies = createDependencies({ log: keepingLog(), now: Date.now })
  const callOff = new AbortController()
  const deadline = new AbortController()
  const signal = AbortSignal.any([callOff.signal, deadline.signal])
  return { dependencies, callOff, deadline, patience: { signal, deadline: deadline.signal } }
}

describe('a start that waits', () => {
  it('is refused at the deadline with what, where, since when, why and what to do', async () => {
    const { dependencies, deadline, patience } = open()
    const waiting = insistUntil(
      patience,
      dependencies,
      need(() => Promise.reject(unreachable())),
    )
    setImmediate(() => deadline.abort())
    await expect(waiting).rejects.toMatchObject({
      code: 'TROUPE_DATABASE_UNREACHABLE',
      message:
        'Could not prepare the ledger: database at postgres://db/order has not answered since 2026-01-02T00:00:00.000Z. The last attempt said: The database is away. DATABASE_URL says where it is looked for, TROUPE_START_TIMEOUT_MS how long.',
    })
  })

  it('is refused at the deadline too if the only attempt gets no answer', async () => {
    const { dependencies, deadline, patience } = open()
    const waiting = insistUntil(
      patience,
      dependencies,
      need(() => new Promise(() => {})),
    )
    deadline.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'TROUPE_DATABASE_UNREACHABLE' })
  })

  it('is refused at once where a right is missing', async () => {
    const { dependencies, patience } = open()
    const denied = new TroupeError('TROUPE_ACCESS_DENIED', 'The user order may not.')
    const waiting = insistUntil(
      patience,
      dependencies,
      need(() => Promise.reject(denied)),
    )
    await expect(waiting).rejects.toMatchObject({
      code: 'TROUPE_ACCESS_DENIED',
      message: expect.stringMatching(/^The user order may not\. .*DATABASE_URL/),
    })
  })

  it('just ends when it is called off', async () => {
    const { dependencies, callOff, patience } = open()
    const waiting = insistUntil(
      patience,
      dependencies,
      need(() => new Promise(() => {})),
    )
    callOff.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
  })
})

describe('several needs at once', () => {
  it('are called off by the first that is refused, whose reason is given', async () => {
    const { dependencies, callOff, patience } = open()
    const incompatible = new TroupeError('TROUPE_SCHEMA_INCOMPATIBLE', 'does not agree')
    const needs = [
      insistUntil(
        patience,
        dependencies,
        need(() => new Promise(() => {})),
      ),
      Promise.reject(incompatible),
    ]
    await expect(allOrFirstRefusal(needs, () => callOff.abort())).rejects.toBe(incompatible)
  })

  it('that are refused together are told of together', async () => {
    const needs = ['one', 'two'].map((message) =>
      Promise.reject(new TroupeError('TROUPE_KAFKA_UNREACHABLE', message)),
    )
    await expect(allOrFirstRefusal(needs, () => {})).rejects.toMatchObject({ message: 'one\ntwo' })
  })
})

describe('an address for people', () => {
  it('holds no password and no parameters', () => {
    const read = environment({
      KAFKA_BROKERS: 'kafka:9092',
      SCHEMA_REGISTRY_URL: 'http://user:hunter2@registry:8081/path?token=hunter2',
      DATABASE_URL: 'postgres://user:hunter2@db:5432/order?password=hunter2',
    })
    if (!('settings' in read)) throw new Error('refused')
    expect(whereIs('kafka', read.settings)).toBe('kafka:9092')
    expect(whereIs('registry', read.settings)).toBe('http://registry:8081/path')
    expect(whereIs('database', read.settings)).toBe('postgres://db:5432/order')
  })
})
