import type { Edit } from '../graft/graft.ts'
import { type Mutant, plant } from './mutant.ts'

const insertion = (module: string, anchor: string, before: string): Edit => ({ module, anchor, before })
const settleIt = 'return (await ledger.settle({ ...work, published })).predecessors'
const contract = 'packages/postgres/src/postgres-ledger.int.test.ts'

/** What a settlement is made of, and in which order. */
const settling: readonly Mutant[] = [
  {
    name: 'published-before-commit',
    row: 2,
    planted: 'events are published before their transaction commits',
    edits: [
      insertion(
        'runtime/batch/settle',
        'predecessors = await dependencies.insist',
        'relay.push(work.outbox);',
      ),
    ],
    proof: { rows: [2, 25, 10, 33] },
  },
  plant(
    'position-in-another-transaction',
    14,
    'the position is written after the transaction, by itself',
    [
      'runtime/batch/settle',
      settleIt,
      'const receipt = await ledger.settle({ ...work, position: undefined, published }); if (work.position) await ledger.settle({ ...work, inbox: [], documents: [], documentsRead: [], steps: [], answers: [], outbox: [], deadlines: [], published: [], parking: undefined }); return receipt.predecessors',
    ],
    { rows: [1, 14, 9, 33] },
  ),
  plant(
    'lost-commit-taken-as-failed',
    3,
    'a commit whose answer was lost is taken as not committed',
    ['runtime/batch/settle', 'isOutcomeUnknown = true', 'void 0'],
    { tests: 'packages/runtime/src/batch/settle.test.ts', titled: 'a commit whose answer was lost' },
  ),
  plant(
    'lost-commit-taken-as-done',
    3,
    'a commit whose answer was lost is taken as committed',
    [
      'runtime/batch/settle',
      'if (isOutcomeUnknown && (await isWritten(work, options))) return idsOf(work)',
      'if (isOutcomeUnknown) return idsOf(work)',
    ],
    { rows: [3] },
  ),
  plant(
    'published-ids-dropped',
    3,
    'ids of published records that travelled with a refused write are forgotten',
    ['runtime/batch/settle', 'relay.restore(published)', 'void 0'],
    { rows: [14, 26, 3, 33] },
  ),
  plant(
    'done-and-not-undone',
    11,
    'what barred a step that is done after all is not heard again',
    [
      'runtime/batch/in-doubt',
      "if (isDoneAfterAll) return withDoubt(changes, { form: 'undone', step })",
      'if (isDoneAfterAll) return changes',
    ],
    { rows: [11] },
  ),
  plant(
    'call-not-marked',
    11,
    'that a call was begun is not remembered with what is set aside',
    [
      'runtime/batch/in-doubt',
      'if (!step || !isCalledHere(delivery, outcomes)) return changes',
      'if (step) return changes',
    ],
    { tests: 'packages/runtime/src/batch/in-doubt.test.ts', titled: 'where it was a dead letter' },
  ),
  plant(
    'overtakes-its-predecessors',
    26,
    'what other processes have left for the same key is not published first',
    ['runtime/batch/settle', 'await publishThrough(predecessors, options)', 'void 0'],
    { rows: [26, 23, 33] },
  ),
  plant(
    'dead-letter-beside-the-outbox',
    17,
    'a dead letter is acknowledged before it is written',
    [
      'runtime/batch/settle',
      settleIt,
      "return (await ledger.settle({ ...work, published, outbox: work.outbox.filter(({ topic }) => !topic.endsWith('.dlq')) })).predecessors",
    ],
    { rows: [17, 33] },
  ),
  plant(
    'sweeps-too-little',
    6,
    'what Kafka acknowledges while the outbox is swept stays in it',
    ['runtime/batch/forget', '&& isAll', '&& options.relay.state.queued === 0'],
    { tests: 'packages/runtime/src/batch/forget.test.ts' },
  ),
]

/** From the claim of a partition to its release. */
const partition: readonly Mutant[] = [
  plant(
    'inbox-without-position',
    9,
    'only the inbox knows what was done, not the position',
    [
      'runtime/batch/partition',
      'const since = due <= batch.from ? batch.records : batch.records.filter(({ offset }) => offset >= due)',
      'const since = batch.records; void due',
    ],
    { rows: [9, 7] },
  ),
  plant(
    'lives-not-told-apart',
    28,
    'what comes of a topic that was made again is set aside as if it were of the old one',
    ['runtime/batch/partition', 'since.map(ofThisLife)', 'since'],
    { rows: [28] },
  ),
  plant(
    'parked-waits-for-a-position',
    28,
    'what is parked of a topic that was made again waits until something of the new one is settled',
    [
      'runtime/batch/partition',
      'if (isReleased || isFenced)',
      'if (isReleased || isFenced || stored === undefined)',
    ],
    { rows: [28] },
  ),
  plant(
    'position-ahead-of-the-work',
    1,
    'the first part of a batch moves the position past all of it',
    ['runtime/batch/partition', 'isLast ? batch.to : endOf(chunk)', 'batch.to'],
    { rows: [1, 2] },
  ),
  plant(
    'position-one-behind',
    7,
    'a part of a batch moves the position to its last record in place of past it',
    ['runtime/batch/partition', 'last.record.offset + 1n', 'last.record.offset'],
    {
      tests: 'packages/runtime/src/batch/partition-release.test.ts',
      titled: 'keeps the position of the chunk',
    },
  ),
  plant(
    'leftovers-come-later',
    4,
    'new events are consumed before what a crash left is published',
    ['runtime/batch/partition', 'for (const lane of [laneOf(claim), commandLane])', 'for (const lane of [])'],
    { tests: 'packages/runtime/src/batch/partition-release.test.ts', titled: 'publishes what a crash left' },
  ),
  plant(
    'half-of-a-batch-skipped',
    25,
    'of a batch that is refused, the first half is left out',
    ['runtime/batch/partition', 'await handle(first, endOf(first), batch)', 'void first'],
    { rows: [25] },
  ),
  plant(
    'batch-blamed-for-one',
    25,
    'a batch that is refused is dead-lettered as a whole',
    ['runtime/batch/partition', 'if (chunk.length <= 1) return', 'return'],
    { rows: [25] },
  ),
  plant(
    'events-not-held-back',
    23,
    'batches are handled on, however much waits for Kafka',
    ['runtime/batch/partition', 'await roomOrEnd(batch)', 'void roomOrEnd(batch)'],
    { tests: 'packages/runtime/src/batch/back-pressure.int.test.ts' },
  ),
  plant(
    'lookout-asleep',
    4,
    'nobody looks for events whose process died when nobody claimed',
    ['runtime/batch/leftovers', 'if (isLooking || relay.state.problems.length > 0) return', 'return'],
    { tests: 'packages/runtime/src/batch/leftovers.test.ts' },
  ),
]

const parkedTests = 'packages/runtime/src/aside/parked.test.ts'
const setAsideTests = 'packages/runtime/src/set-aside-as-specified.test'

/** What is set aside, and tried again. */
const parking: readonly Mutant[] = [
  plant(
    'follower-passes-parked',
    25,
    'what comes behind a parked key is handled at once',
    [
      'core/batch/admit',
      "set.keys.isParked(keyNameOf(record))) return 'parked'",
      'set.keys.isParked(keyNameOf(record))) void 0',
    ],
    { rows: [25, 17, 33] },
  ),
  plant(
    'next-owner-asks-nobody',
    17,
    'who claims a partition does not find out what is parked in it',
    ['runtime/batch/partition', '() => parked.count(), signal)', '() => Promise.resolve(), signal)'],
    { rows: [17, 25, 33] },
  ),
  plant(
    'retry-lets-followers-pass',
    25,
    'what comes behind a parked event that fails again is tried all the same',
    ['runtime/batch/decide', 'if (retry && set.keys.isParked(retry.key.key)) return', 'if (false) return'],
    { rows: [25, 17, 33] },
  ),
  plant(
    'held-key-goes-on',
    17,
    'a key that is to be held for a dead letter goes on without it',
    ['runtime/aside/set-aside', '...(isHolding ? ', '...(isHolding && retry === undefined ? '],
    { tests: setAsideTests },
  ),
  plant(
    'attempts-handed-down',
    17,
    'a follower that fails has the attempts of the one before it behind it',
    ['runtime/aside/retry-parked', 'attempts: isHead ? work.attempts : 0', 'attempts: work.attempts'],
    { tests: parkedTests, titled: 'keeps to the order when a follower fails as well' },
  ),
  plant(
    'retry-of-what-has-changed',
    17,
    'what was read of a parked key is tried although it has changed since',
    ['core/batch/key-set', 'if (!one || one.version !== version) return false', 'if (!one) return false'],
    { tests: parkedTests, titled: 'is left alone where a person discards it' },
  ),
  plant(
    'retry-done-twice',
    3,
    'of parked events whose commit was not answered, the position tells that they are done',
    ['runtime/batch/settle', 'if (position.from === position.to) await publishAndRefuse(work, options)', ''],
    { tests: parkedTests, titled: 'where its commit was not heard of' },
  ),
  plant(
    'undo-given-up',
    12,
    'an undo that throws is a dead letter after as many attempts as any reaction',
    [
      'core/declare/retry-policy',
      "form === 'undo' ? { attempts: Number.POSITIVE_INFINITY }",
      "form === 'undo' ? {}",
    ],
    { rows: [12] },
  ),
  plant(
    'parked-without-limit',
    36,
    'a partition goes on however much is parked in it',
    ['runtime/batch/partition', 'await parked.room(signal)', 'void signal'],
    { tests: parkedTests, titled: 'holds up its partition' },
  ),
]

const inSql = 'packages/runtime/src/batch/transact.int.test.ts'

/** Reactions that decide in SQL. */
const transacting: readonly Mutant[] = [
  plant(
    'sql-beside-the-ledger',
    2,
    'what a reaction did in SQL is committed before its settlement, by itself',
    [
      'postgres/tables/table-transaction',
      'const { calls, receipt } = settleCalls([settlement], schema)',
      'await answerOf(client, [committing(), beginning()], answerTimeoutMs); const { calls, receipt } = settleCalls([settlement], schema)',
    ],
    { tests: inSql, titled: 'is rolled back with its SQL' },
  ),
  plant(
    'sql-of-a-duplicate',
    8,
    'SQL is run for what was heard before',
    [
      'runtime/batch/decide',
      'return admit(delivery, set, record, isCalledHere(delivery, outcomes))',
      "return delivery.bound.reaction.transact ? 'run' : admit(delivery, set, record, isCalledHere(delivery, outcomes))",
    ],
    { tests: inSql, titled: 'is not run for what was heard before' },
  ),
  plant(
    'lost-commit-of-sql-taken-as-failed',
    3,
    'a commit of SQL whose answer was lost is taken as not committed',
    ['runtime/batch/transact', 'doubts.push(work)', 'void 0'],
    { tests: inSql, titled: 'after the commit, whose answer is lost' },
  ),
  plant(
    'sql-of-a-failure-kept',
    17,
    'what an event did in SQL before it failed is committed with its neighbours',
    ['postgres/tables/table-transaction', '[returning(), releasing()]', '[releasing()]'],
    { tests: inSql, titled: 'is parked with what follows it of its key' },
  ),
]

const breakerTests = 'packages/runtime/src/calls/breaker.test.ts'

/** Calls that nobody answers. */
const pausing: readonly Mutant[] = [
  plant(
    'paused-is-a-failure',
    15,
    'an event whose call was not made, since the breaker is open, has failed',
    [
      'runtime/batch/decide',
      'paused(turn, delivery, outcome.error, options)',
      'setAside(turn, outcome.error, options)',
    ],
    { rows: [15, 33] },
  ),
  plant(
    'nobody-finds-out',
    15,
    'no call is made to find out whether the other side is back',
    ['runtime/aside/retry-loop', "one === 'none' ? [] : [reaction]", '[]'],
    { rows: [15, 33] },
  ),
  plant(
    'counted-by-every-process',
    15,
    'a process that comes while nobody answers counts attempts of its own',
    ['runtime/calls/perform', 'breaker.isProven || !options.makesTrials', 'true'],
    { tests: breakerTests, titled: 'is found anew by each process' },
  ),
  plant(
    'trial-in-a-batch',
    15,
    'a batch waits for the call that finds out whether the other side is back',
    ['runtime/batch/partition', 'makesTrials: false', 'makesTrials: true'],
    { tests: breakerTests, titled: 'and none in a batch' },
  ),
  plant(
    'result-gone-with-parking',
    15,
    'what a call came to is forgotten when its event is parked',
    ['runtime/batch/settle', 'work.parking ? options.stillDue?.(set) : undefined', 'undefined'],
    { tests: 'packages/runtime/src/calls/kept-results.test.ts', titled: 'outlasts the parking' },
  ),
]

/** Deadlines that are due. */
const firing: readonly Mutant[] = [
  plant(
    'fired-twice',
    13,
    'a deadline that was fired stays where it was, and is fired again',
    [
      'postgres/statements/fire-deadlines',
      'DELETE FROM ${schema}.deadline WHERE ctid = ANY (ARRAY(SELECT ctid FROM due)) RETURNING *',
      'SELECT * FROM ${schema}.deadline WHERE ctid = ANY (ARRAY(SELECT ctid FROM due))',
    ],
    { tests: contract, titled: 'fires a deadline that is due, once' },
  ),
  plant(
    'fired-and-left-behind',
    13,
    'who fires a deadline does not publish it',
    ['runtime/loops/firing', 'await publishThrough(', 'void String('],
    { tests: 'packages/runtime/src/loops/firing.test.ts', titled: 'publishes each that is due once' },
  ),
  plant(
    'lost-firing-forgotten',
    13,
    'what was fired when the answer was lost is left to others',
    ['runtime/loops/firing', 'if (isUnsure) await publishLeftovers(commandLane, options)', ''],
    { tests: 'packages/runtime/src/loops/firing.test.ts', titled: 'when the answer was lost' },
  ),
]

/** Deciding, calls to the outside, commands. */
const deciding: readonly Mutant[] = [
  plant(
    'followers-pass',
    25,
    'while a call to the outside is tried again, followers of its key go on',
    ['runtime/batch/decide', '`key ${delivery.event.key}`', '`key ${delivery.event.id}`'],
    { rows: [25] },
  ),
  plant(
    'poison-skipped-in-silence',
    17,
    'an event whose reaction throws is passed over, without a dead letter',
    ['runtime/batch/decide', 'set.apply(failed(turn, delivery, error, options))', 'void error'],
    { rows: [25] },
  ),
  plant(
    'undecodable-skipped-in-silence',
    18,
    'bytes that cannot be decoded are passed over, without a dead letter',
    ['runtime/batch/decode', 'return { record, failure }', 'return undefined'],
    { rows: [25] },
  ),
  plant(
    'undecodable-tried-for-ever',
    18,
    'bytes that cannot be decoded are tried again without end',
    ['runtime/batch/decode', "if (retryVerdictOf(failure) === 'wait') throw failure", 'throw failure'],
    { rows: [25] },
  ),
  plant(
    'another-key-per-caller',
    10,
    'events that call for one undo in two partitions ask the outside under two keys',
    [
      'runtime/calls/perform',
      "const step = delivery.bound.reaction.form === 'undo' ? stepOf(delivery) : undefined",
      'const step = undefined',
    ],
    { tests: 'packages/runtime/src/perform.test', titled: 'for an undo have one key' },
  ),
  plant(
    'another-key-per-attempt',
    5,
    'the outside gets another idempotency key at each attempt',
    [
      'runtime/calls/perform',
      "deriveId(service, cause, 'perform')",
      "deriveId(service, cause, 'perform', String(Math.random()))",
    ],
    { rows: [1, 2, 33] },
  ),
  plant(
    'answered-before-commit',
    2,
    'a command is answered before its transaction commits',
    [
      'runtime/batch/decider',
      'return () => resolve(changes.answer.answer)',
      'resolve(changes.answer.answer); return () => {}',
    ],
    { rows: [2, 22, 33] },
  ),
  plant(
    'key-asked-twice',
    8,
    'a command that was answered is done again under the same idempotency key',
    [
      'runtime/batch/decider',
      'const known = set.answer(request.name, request.idempotencyKey)',
      'const known = undefined',
    ],
    { rows: [3, 1, 7] },
  ),
]

export const runtimeMutants: readonly Mutant[] = [
  ...settling,
  ...partition,
  ...parking,
  ...transacting,
  ...pausing,
  ...firing,
  ...deciding,
]

/** In SQL, which the simulation does not have: shown by the contract that every ledger fulfils. */
export const postgresMutants: readonly Mutant[] = [
  plant(
    'parked-key-written-by-two',
    17,
    'a parked key that has changed is written all the same',
    ['postgres/aside/retry-keys', 'AND held.version = given.version', ''],
    { tests: contract, titled: 'where a key is not as expected' },
  ),
  plant(
    'redrive-is-a-duplicate',
    17,
    'the inbox still takes a redriven event for a dead letter, and skips it',
    ['postgres/aside/redrive', "seen.outcome = 'dead-lettered'", "seen.outcome = 'no such outcome'"],
    { tests: contract, titled: 'redrives a dead letter once' },
  ),
  plant(
    'redrive-forgets-what-was-applied',
    8,
    'a redrive makes the inbox forget an event that was applied at another place',
    ['postgres/aside/redrive', "AND seen.outcome = 'dead-lettered'", ''],
    { tests: contract, titled: 'what was applied stays applied' },
  ),
  plant(
    'redriven-to-the-end',
    17,
    'what is redriven is tried behind what came after it for its key',
    [
      'postgres/aside/parked-work',
      'WINDOW earliest AS (ORDER BY asked.place, event.record_offset)',
      'WINDOW earliest AS (ORDER BY asked.place, event.redrives, event.record_offset)',
    ],
    { tests: contract, titled: 'redrive' },
  ),
  plant(
    'held-key-freed-by-another',
    17,
    'a key that is held for one dead letter goes on when another one is redriven',
    [
      'postgres/aside/redrive',
      "held.state = 'held' AND held.dead_letter NOT IN (SELECT letter FROM chosen)",
      'false',
    ],
    { tests: contract, titled: 'redrive' },
  ),
  plant(
    'redriven-by-two',
    17,
    'two who redrive a dead letter at one time both do',
    ['postgres/aside/redrive', "WHERE letter.state <> 'redriven' ORDER BY", 'ORDER BY'],
    { tests: contract, titled: 'redrives a dead letter once' },
  ),
  plant(
    'compare-and-set-left-out',
    14,
    'the position moves whoever holds the partition, and wherever it is',
    [
      'postgres/statements/move-position',
      'AND epoch = $3::bigint AND next_offset IS NOT DISTINCT FROM $4::bigint',
      'AND ($3::bigint IS NOT NULL OR $4::bigint IS NULL)',
    ],
    { tests: contract },
  ),
  plant(
    'epoch-not-raised',
    14,
    'a claim does not raise the epoch',
    ['postgres/statements/claim-position', 'epoch = held.epoch + 1', 'epoch = held.epoch'],
    { tests: contract },
  ),
  plant(
    'topic-begun-twice',
    28,
    'whoever finds a topic made again begins with it, also if somebody has before',
    [
      'postgres/statements/claim-position',
      'coalesce(held.topic_id = $4::text, false)',
      '($4::text IS NOT NULL)',
    ],
    { tests: contract, titled: 'starts over once' },
  ),
  plant(
    'life-not-counted',
    28,
    'a topic that was made again is taken for the one before',
    ['postgres/statements/claim-position', 'held.life + 1', 'held.life'],
    { tests: contract, titled: 'lives of a topic' },
  ),
  plant(
    'document-version-ignored',
    22,
    'a document is written over whatever was written since it was read',
    [
      'postgres/statements/update-documents',
      'WHERE stored.version = given.expected',
      'WHERE given.expected IS NOT NULL',
    ],
    { tests: contract },
  ),
  plant(
    'step-state-ignored',
    11,
    'a step is written over whatever became of it since it was read',
    [
      'postgres/statements/update-steps',
      'WHERE stored.state = given.expected',
      'WHERE given.expected IS NOT NULL',
    ],
    { tests: contract },
  ),
  plant(
    'step-inserted-over',
    11,
    'a step that another process has begun meanwhile is begun again',
    [
      'postgres/statements/insert-steps',
      'AS given(saga, step, state, done, touched)`',
      'AS given(saga, step, state, done, touched) ON CONFLICT (saga, step) DO UPDATE SET state = excluded.state, done = excluded.done, touched = excluded.touched`',
    ],
    { tests: contract },
  ),
  plant(
    'outbox-read-by-id',
    6,
    'what is left in the outbox is published in the order of its ids',
    ['postgres/statements/list-outgoing', 'ORDER BY seq`', 'ORDER BY id`'],
    { tests: contract, titled: 'gives records back exactly' },
  ),
  plant(
    'inbox-takes-all',
    8,
    'an event that is in the inbox may be settled again',
    [
      'postgres/statements/insert-inbox',
      '$4::text[], $5::text[])`',
      '$4::text[], $5::text[]) ON CONFLICT DO NOTHING`',
    ],
    { tests: contract },
  ),
]
