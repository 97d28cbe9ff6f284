import { TroupeError } from '@troupe/core'
import { describe, expect, it } from '@jest/globals'
import type { Observer } from '../observe/observer.ts'
import { chain } from '../observe/sagas.test.kit.ts'
import { createSightings } from '../observe/sightings.ts'
import { orderOf, expectations } from './orders.ts'
import { playStory, type Stage } from './play-story.ts'
import type { Story } from './stories.ts'

const story: Story = { name: 'good', about: '', orders: [orderOf('good')], expected: expectations.good }
const pending = new Promise<never>(() => {})

/** A company in which an order leads to these events; `while` a service is away, to fewer. */
function stage(
  events: readonly string[],
  {
    state = 'completed',
    answers = ['o1'],
    failed = pending,
    whileAway = events,
  }: {
    readonly state?: string
    readonly answers?: readonly string[]
    readonly failed?: Promise<never>
    readonly whileAway?: readonly string[]
  } = {},
): Stage & { readonly acts: string[] } {
  const { add, ...sightings } = createSightings()
  const acts: string[] = []
  let away = false
  let post = 0
  const show = (types: readonly string[]) => {
    for (const one of chain(types, 'o1', performance.now())) add(one)
  }
  const observer: Observer = {
    ...sightings,
    start: async () => {},
    stop: async () => {},
    caughtUp: async () => {},
    troubles: () => [],
    earlierTroubles: () => 0,
    hearersOf: (type) => (type === 'PaymentProcessed' ? ['inventory'] : []),
    until: (look, signal) =>
      new Promise((resolve, reject) => {
        const found = look()
        if (found !== undefined) resolve(found)
        else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      }),
  }
  return {
    acts,
    observer,
    ecosystem: {
      failed,
      stopService: async (name) => {
        acts.push(`stop ${name}`)
        away = true
      },
      startService: async (name) => {
        acts.push(`start ${name}`)
        away = false
        show(events)
      },
    },
    orders: {
      place: async () => {
        show(away ? whileAway : events)
        const answer = answers[post]
        post += 1
        if (answer === undefined)
          throw new TroupeError('TROUPE_HTTP_UNEXPECTED', 'POST /orders was answered with 500')
        return answer
      },
      state: async () => state,
    },
  }
}

describe('a story that is played', () => {
  it('is ok when everything was as it should be', async () => {
    const report = await playStory(story, stage(expectations.good.events))
    expect(report).toMatchObject({
      name: 'good',
      expected: 'completed',
      outcome: 'completed',
      ok: true,
      sagaId: 'o1',
    })
    expect(report.events[1]).toMatchObject({ type: 'PaymentProcessed', service: 'payment' })
    expect(report.sagas).toHaveLength(1)
  })

  it('is not ok when a service says something else', async () => {
    const report = await playStory(story, stage(expectations['card declined'].events, { state: 'cancelled' }))
    expect([report.ok, report.outcome]).toEqual([false, 'cancelled'])
    expect(report.problems.join()).toContain('instead of')
  })

  it('is not ok when the saga does not end in time, and says how far it came', async () => {
    const report = await playStory(story, stage(['OrderReceived'], { state: 'placed' }), { timeoutMs: 20 })
    expect([report.ok, report.outcome]).toEqual([false, 'open'])
    expect(report.problems[0]).toBe('it did not end within 20 ms')
    expect(report.events.map(({ type }) => type)).toEqual(['OrderReceived'])
  })

  it('is not ok when the order is not taken', async () => {
    const report = await playStory(story, stage([], { answers: [] }))
    expect(report.problems).toContain('POST /orders was answered with 500')
  })

  it('is given up when a service dies', async () => {
    const died = new TroupeError('TROUPE_SERVICE_DIED', 'payment ended unexpectedly')
    const failed = Promise.reject(died)
    failed.catch(() => {})
    await expect(playStory(story, stage(['OrderReceived'], { failed }))).rejects.toBe(died)
  })

  it('is given up when the demo is to stop', async () => {
    const reason = new Error('stopped')
    await expect(
      playStory(story, stage(['OrderReceived']), { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
  })

  const away: Story = { ...story, away: 'inventory' }

  it('stops a service while orders come in, and starts it when they all wait for it', async () => {
    const company = stage(expectations.good.events, { whileAway: ['OrderReceived', 'PaymentProcessed'] })
    expect(await playStory(away, company)).toMatchObject({ ok: true, problems: [] })
    expect(company.acts).toEqual(['stop inventory', 'start inventory'])
  })

  it('is not ok when the saga goes on without the service, which is started all the same', async () => {
    const company = stage(expectations.good.events)
    const report = await playStory(away, company)
    expect(report.problems[0]).toMatch(
      /While inventory was stopped, o1 went through OrderReceived → .* instead of OrderReceived → PaymentProcessed\./,
    )
    expect(company.acts).toEqual(['stop inventory', 'start inventory'])
  })
})
