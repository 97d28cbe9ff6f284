import { type Mutant, plant } from './mutant.ts'

/** The pure decisions. */
export const coreMutants: readonly Mutant[] = [
  {
    name: 'inbox-left-out',
    row: 8,
    planted: 'nobody asks the inbox, and nobody writes it',
    edits: [
      {
        module: 'core/batch/admit',
        anchor: "if (set.hasSeen(delivery.event)) return 'duplicate'",
        replace: '',
      },
      { module: 'core/batch/working-set', anchor: 'inbox.push(changes.inbox)', replace: '' },
    ],
    proof: { rows: [8] },
  },
  plant(
    'twice-in-one-batch',
    8,
    'an event that comes twice in one batch is not recognised',
    ['core/batch/working-set', 'seen.set(changes.inbox.source, changes.inbox.id, true)', ''],
    { rows: [8] },
  ),
  plant(
    'no-bar',
    10,
    'an undo that comes first leaves nothing behind, and its step is done later',
    ['core/batch/steps', "return 'barred'", "return 'undo-repeated'"],
    { rows: [10] },
  ),
  plant(
    'done-after-undone',
    10,
    'a step that was undone or barred is done',
    ['core/batch/steps', "return 'step-barred'", "return 'run'"],
    { rows: [10] },
  ),
  plant(
    'lost-answer-barred',
    11,
    'a step whose call may have been made stays barred, and nobody asks what came of it',
    ['core/batch/admit', 'return isUndoKept && (isCalled || isSameEvent(called, event))', 'return false'],
    { rows: [11] },
  ),
  plant(
    'undone-twice',
    10,
    'a step that was undone is undone again',
    ['core/batch/steps', "return 'undo-repeated'", "return 'run'"],
    { rows: [10] },
  ),
  plant(
    'done-twice',
    10,
    'a step that is done is done again',
    ['core/batch/steps', "return 'step-repeated'", "return 'run'"],
    { tests: 'services/stories/src/steps-as-specified.test.ts' },
  ),
  plant(
    'undo-without-documents',
    10,
    'an undo does not get the documents that its step had read',
    ['core/batch/react', 'known ? [...reads, ...known.touched] : reads', 'reads'],
    { rows: [10] },
  ),
  plant(
    'ids-by-chance',
    35,
    'an emitted event gets a random id in place of one derived from its cause',
    ['core/batch/saying', "'event', String(ordinal))", "'event', String(Math.random()))"],
    { tests: 'packages/core/src/batch/batches.test.ts' },
  ),
  plant(
    'ordinal-left-out',
    5,
    'two events of one cause get one id',
    ['core/batch/saying', "'event', String(ordinal))", "'event')"],
    { rows: [7] },
  ),
  plant(
    'deadline-by-wall-clock',
    31,
    "a deadline is due by the clock of the process that sets it, not by the database's",
    ['core/batch/saying', 'set: { due: { afterMs }, record }', 'set: { due: { atMs: timeMs }, record }'],
    { rows: [31] },
  ),
  plant(
    'lift-ignored',
    13,
    'an answer does not lift the deadline that waits for it',
    ['core/batch/react', 'const names = bound.lifts.get(event.type)', 'const names = undefined'],
    { rows: [13] },
  ),
  plant(
    'lift-forgotten-by-the-batch',
    13,
    'of a deadline that one batch sets and lifts, the first word counts',
    [
      'core/batch/working-set',
      'deadlines.set(one.name, one.saga, one)',
      'if (!deadlines.get(one.name, one.saga)) deadlines.set(one.name, one.saga, one)',
    ],
    { rows: [13, 1, 9] },
  ),
  plant(
    'dead-letter-without-bytes',
    37,
    'a dead letter does not keep the bytes that came',
    ['core/aside/dead-letter', 'value: record.value', 'value: null'],
    { rows: [25] },
  ),
  plant(
    'fence-waited-for',
    14,
    'who lost a partition tries on in place of letting go',
    ['core/batch/retry-verdict', "TROUPE_FENCED: 'let-go'", "TROUPE_FENCED: 'wait'"],
    { rows: [26, 14] },
  ),
  plant(
    'outage-blamed-on-events',
    21,
    'events are dead-lettered while the database is away',
    [
      'core/batch/retry-verdict',
      "TROUPE_DATABASE_UNREACHABLE: 'wait'",
      "TROUPE_DATABASE_UNREACHABLE: 'blame'",
    ],
    { rows: [3] },
  ),
  plant(
    'race-blamed-on-events',
    22,
    'events are dead-lettered for a deadlock',
    ['core/batch/retry-verdict', "TROUPE_CONFLICT: 'decide-again'", "TROUPE_CONFLICT: 'blame'"],
    { rows: [22] },
  ),
]

const lane = 'packages/kafka/src/receive/partition-lane.test.ts'

/** Kafka's side: the real relay is part of the simulation, the lane of a partition has tests of its own. */
export const kafkaMutants: readonly Mutant[] = [
  plant(
    'deleted-before-acknowledged',
    4,
    'an outbox row is deleted before Kafka has acknowledged its record',
    ['kafka/relay/relay', 'this.#queued += 1', 'this.#queued += 1; this.#ids.publish(record.id)'],
    { rows: [4, 1, 23] },
  ),
  plant(
    'acknowledged-by-one',
    24,
    'one replica is enough for an acknowledgement',
    ['kafka/relay/publisher', 'const acks = -1', 'const acks = 1'],
    { rows: [24] },
  ),
  plant(
    'another-partitioner',
    27,
    'keys go to other partitions than those of Java clients',
    ['kafka/wire/murmur2', 'const seed = 0x9747b28c', 'const seed = 0x9747b28d'],
    { rows: [7] },
  ),
  plant(
    'publish-not-tried-again',
    24,
    'what Kafka did not acknowledge is left behind',
    [
      'kafka/relay/topic-sender',
      "if (verdict === 'retry') await this.#tryAgain(error)",
      "if (verdict === 'retry') this.#leave(front.length)",
    ],
    { rows: [24, 6] },
  ),
  plant(
    'tried-again-from-the-end',
    6,
    'what Kafka did not acknowledge goes to the end of the queue',
    [
      'kafka/relay/topic-sender',
      "if (verdict === 'retry') await this.#tryAgain(error)",
      "if (verdict === 'retry') await (this.#queue.push(...this.#queue.splice(0, front.length)), this.#tryAgain(error))",
    ],
    { rows: [6, 24] },
  ),
  plant(
    'closing-consumer-gets-partitions',
    14,
    'a consumer that joins while it is being closed gets partitions that nobody serves',
    ['kafka/receive/receive', 'session !== this.#session || this.#stopping', 'this.#stopping'],
    { tests: 'packages/kafka/src/receive.test', titled: 'while it is being closed' },
  ),
  plant(
    'fetched-elsewhere-taken',
    7,
    'records are taken from wherever the consumer happens to be',
    ['kafka/receive/partition-lane', 'if (stretch.from !== this.#tail)', 'if (stretch.from < 0n)'],
    { tests: lane },
  ),
  plant(
    'buffers-without-bound',
    36,
    'a partition fetches on, however much of it waits',
    [
      'kafka/receive/partition-lane',
      'const isFull = bytes >= bufferBytesMax || (budget.isSpent && bytes > 0)',
      'const isFull = bufferBytesMax < 0 || (budget.isSpent && bytes > 0)',
    ],
    { tests: lane },
  ),
  plant(
    'budget-left-out',
    36,
    'partitions fetch on, however much all of them hold together',
    ['kafka/receive/partition-lane', '(budget.isSpent && bytes > 0)', 'budget === undefined'],
    { tests: lane },
  ),
  plant(
    'budget-not-told',
    36,
    'what a partition holds is not counted into what all of them hold',
    ['kafka/receive/waiting-records', 'this.#budget.add(more)', 'void more'],
    { tests: lane },
  ),
  plant(
    'budget-never-given-back',
    36,
    'what a partition hands over, or held when it was given up, stays counted',
    ['kafka/receive/waiting-records', 'this.#hold(0)', 'this.#bytes = 0'],
    { tests: lane },
  ),
  plant(
    'another-topic-read-on',
    28,
    'a topic that was deleted and made again is read from where the old one was left',
    ['kafka/receive/partition-lane', 'topicId !== this.#topicId', "topicId === ''"],
    { tests: lane },
  ),
  plant(
    'growth-not-waited-for',
    27,
    'a new partition is begun with before the old ones are read so far',
    ['kafka/receive/partition-lane', 'if (this.#isGrowth) await this.#passGate()', ''],
    { tests: 'packages/kafka/src/receive/growth.int.test.ts' },
  ),
  plant(
    'checksums-given-up-in-silence',
    37,
    'where kafkajs is another one than expected, nobody says that checksums are not verified',
    ['kafka/receive/own-fetch', 'if (!isWarned) log.warn(', 'if (!isWarned) log.debug('],
    { tests: 'packages/kafka/src/receive/own-fetch.test.ts' },
  ),
]

/** In the demo: the order of undoing is that of its conversation. */
export const demoMutants: readonly Mutant[] = [
  {
    name: 'undone-in-the-wrong-order',
    row: 10,
    planted: 'the payment is refunded before the stock is released',
    edits: [
      {
        module: 'payment/refund-card',
        anchor: 'import { InventoryFailed, InventoryReleased,',
        replace: 'import { InventoryFailed, ShippingFailed,',
      },
      {
        module: 'payment/refund-card',
        anchor: 'on: [InventoryFailed, InventoryReleased',
        replace: 'on: [InventoryFailed, ShippingFailed',
      },
    ],
    proof: { tests: 'services/stories/src/every-interleaving.test.ts', titled: 'not served' },
  },
  plant(
    'refund-deaf-to-stock',
    10,
    'the payment is not refunded when stock runs out',
    ['payment/refund-card', 'on: [InventoryFailed, InventoryReleased', 'on: [InventoryReleased'],
    { tests: 'services/stories/src/every-interleaving.test.ts', titled: 'out of stock' },
  ),
  plant(
    'completed-after-all',
    10,
    'an order that was cancelled is completed by a late shipment',
    ['order/order-status', 'hasEnded(before) ? before : { ...before, ...end }', '({ ...before, ...end })'],
    { tests: 'services/stories/src/every-interleaving.test.ts', titled: 'stays cancelled' },
  ),
  plant(
    'step-written-over',
    11,
    'a step that somebody else has barred meanwhile is done all the same',
    [
      'postgres/statements/insert-steps',
      'AS given(saga, step, state, done, touched)',
      'AS given(saga, step, state, done, touched) ON CONFLICT (saga, step) DO NOTHING',
    ],
    { tests: 'packages/runtime/src/batch/ledger-faults.int.test.ts', titled: 'failure 11' },
  ),
  plant(
    'no-bar-in-the-story',
    10,
    'an undo that comes first leaves nothing behind, in every order of arrival of one saga',
    ['core/batch/steps', "return 'barred'", "return 'undo-repeated'"],
    { tests: 'services/stories/src/every-interleaving.test.ts', titled: 'out of the blue' },
  ),
]
