import { expect, it } from '@jest/globals'
import type { TopicPartition } from '@troupe/core'
import { connectKafka } from '../client/client.ts'
import type { SessionListener } from './consumer-session.ts'
import { MemoryLedger, recordingLog, until } from '../kafka.test.kit.ts'
import type { Feed } from './partition-work.ts'
import { receiverOf } from './receive.ts'

const partition: TopicPartition = { topic: 'order.events', partition: 0 }

/** A consumer that does what the test says, and where its partitions were sought. */
function playedSession(listener: SessionListener) {
  const sought: bigint[] = []
  const feed: Feed = {
    pause: () => {},
    resume: () => {},
    seek: (_partition, offset) => void sought.push(offset),
    rangeOf: () => Promise.resolve({ low: 0n, high: 7n }),
    topicIdOf: () => Promise.resolve(undefined),
  }
  let end: (error: unknown) => void = () => {}
  const ended = new Promise<unknown>((resolve) => (end = resolve))
  return {
    feed,
    sought,
    end,
    memberId: 'member',
    joinedForMs: 0,
    join: () => listener.joined([partition]),
    untilItEnds: (signal: AbortSignal) =>
      Promise.race([
        ended,
        new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      ]),
    commitHints: () => Promise.resolve(),
    onClose: () => {},
    close(): Promise<void> {
      this.onClose()
      return Promise.resolve()
    },
  }
}

it('a consumer that joins while it is being closed gets no partition: the next one serves them', async () => {
  const log = recordingLog()
  const sessions: ReturnType<typeof playedSession>[] = []
  const ledger = new MemoryLedger()
  const receiver = receiverOf(
    {
      // Nobody is there, and nobody is asked.
      connection: connectKafka({ clientId: 'test', brokers: ['127.0.0.1:1'] }, log),
      groupId: 'test',
      topics: [partition.topic],
      log,
      assign: (one) => Promise.resolve(ledger.work(one)),
      tuning: { watchIntervalMs: 3_600_000 },
    },
    (_options, listener) => {
      const session = playedSession(listener)
      sessions.push(session)
      return session
    },
  )
  const started = receiver.start()
  const [first] = sessions
  first?.join()
  await started
  expect(first?.sought).toEqual([0n])
  if (first) first.onClose = first.join
  first?.end(new Error('it stands still'))
  await until('the next consumer', () => sessions.length === 2)
  expect(receiver.state.partitions).toEqual([])
  sessions[1]?.join()
  await until('the next one to be served', () => sessions[1]?.sought.length === 1)
  expect(first?.sought).toEqual([0n])
  await receiver.stop()
})
