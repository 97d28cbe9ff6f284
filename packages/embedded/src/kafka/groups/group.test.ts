import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { ErrorCode } from '../protocol/error-code.ts'
import { Group } from './group.ts'
import type { JoinRequest, JoinResult } from './member.ts'

const CONSUMER: Omit<JoinRequest, 'memberId'> = {
  instanceId: null,
  clientId: 'client',
  clientHost: '/127.0.0.1',
  sessionTimeoutMs: 1000,
  rebalanceTimeoutMs: 5000,
  protocolType: 'consumer',
  protocols: [{ name: 'round-robin', metadata: Buffer.from('m') }],
  isKnownIdRequired: false,
  onRebalance: () => {},
}

let group: Group

beforeEach(() => {
  jest.useFakeTimers()
  group = new Group('g', 0)
})
afterEach(() => {
  group.close()
  jest.useRealTimers()
})

const join = async (request: Partial<JoinRequest> = {}): Promise<JoinResult> =>
  group.join({ ...CONSUMER, memberId: '', ...request })

/** Brings members in, one rebalance each, and has the leader assign everyone its own id. */
async function stableWith(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let members = 1; members <= count; members += 1) {
    const newcomer = join()
    await Promise.all(ids.map((memberId) => join({ memberId })))
    ids.push((await newcomer).memberId)
  }
  await settle(ids)
  return ids
}

async function settle(ids: readonly string[]): Promise<string[]> {
  const assignments = ids.map((memberId) => ({ memberId, assignment: Buffer.from(memberId) }))
  const synced = await Promise.all(ids.map(async (id) => group.sync(id, null, group.generation, assignments)))
  return synced.map(({ assignment }) => assignment.toString())
}

describe('a rebalance', () => {
  it('makes the first member the leader and tells it alone who is there', async () => {
    const [first] = await stableWith(1)
    const joins = await Promise.all([join(), join({ memberId: first as string })])
    expect(joins.map(({ leader }) => leader)).toEqual([first, first])
    expect(joins.map(({ members }) => members.length)).toEqual([0, 2])
    expect(joins.map(({ generationId }) => generationId)).toEqual([2, 2])
    expect(group.state).toBe('CompletingRebalance')
  })

  it('hands everyone what the leader assigned, in whatever order they ask', async () => {
    const ids = await stableWith(3)
    const rejoined = (await Promise.all(ids.map((memberId) => join({ memberId })))).map(
      (each) => each.memberId,
    )
    expect(await settle([...rejoined].reverse())).toEqual([...rejoined].reverse())
    expect(group.state).toBe('Stable')
  })

  it('tells the members that are there to rejoin, and wakes them', async () => {
    const onRebalance = jest.fn()
    const { memberId } = await join({ onRebalance })
    await settle([memberId])
    expect(group.heartbeat(memberId, null, 1)).toBe(ErrorCode.NONE)
    const joining = join()
    expect(onRebalance).toHaveBeenCalledTimes(1)
    expect(group.heartbeat(memberId, null, 1)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
    await join({ memberId })
    expect((await joining).generationId).toBe(2)
  })

  it('goes on without those who do not rejoin in time', async () => {
    const [first, second] = await stableWith(2)
    const rejoined = join({
      memberId: second as string,
      protocols: [{ name: 'round-robin', metadata: Buffer.from('n') }],
    })
    // The first member stays alive, but never answers the call.
    for (let elapsed = 0; elapsed < 5000; elapsed += 500) {
      group.heartbeat(first as string, null, group.generation)
      jest.advanceTimersByTime(500)
    }
    expect((await rejoined).members.map(({ memberId }) => memberId)).toEqual([second])
  })

  it('throws out those who joined and never sync, and starts again', async () => {
    const { memberId } = await join()
    for (let elapsed = 0; elapsed < 5000; elapsed += 500) {
      expect(group.heartbeat(memberId, null, 1)).toBe(ErrorCode.NONE)
      jest.advanceTimersByTime(500)
    }
    expect(group.state).toBe('Empty')
  })

  it('keeps those who wait for a leader that never assigns, and throws the leader out', async () => {
    const ids = await stableWith(2)
    await Promise.all(ids.map((memberId) => join({ memberId })))
    const [leader, follower] = ids as [string, string]
    const waiting = group.sync(follower, null, group.generation, [])
    for (let elapsed = 0; elapsed < 5000; elapsed += 500) {
      group.heartbeat(leader, null, group.generation)
      jest.advanceTimersByTime(500)
    }
    expect((await waiting).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
    expect(group.members.map(({ id }) => id)).toEqual([follower])
  })

  it('answers a sync that waits when another rebalance begins', async () => {
    const ids = await stableWith(2)
    await Promise.all(ids.map((memberId) => join({ memberId })))
    const follower = ids[1] as string
    const waiting = group.sync(follower, null, group.generation, [])
    group.leave(ids[0] as string, null)
    expect((await waiting).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  })

  it('waits for first members to gather when told so', async () => {
    group.close()
    group = new Group('g', 100)
    const first = join()
    jest.advanceTimersByTime(80)
    const second = join()
    // The second came within the first delay: there is another one from its end on.
    jest.advanceTimersByTime(119)
    expect(group.state).toBe('PreparingRebalance')
    jest.advanceTimersByTime(1)
    expect([(await first).generationId, (await second).generationId]).toEqual([1, 1])
  })
})

describe('membership', () => {
  it('begins with an id that the consumer has to come back with, where its version knows that', async () => {
    const refused = await join({ isKnownIdRequired: true })
    expect(refused.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED)
    expect(group.state).toBe('Empty')
    const joined = await join({ isKnownIdRequired: true, memberId: refused.memberId })
    expect(joined).toMatchObject({ errorCode: 0, memberId: refused.memberId, generationId: 1 })
  })

  it('is not waited for longer than a session when the consumer never comes back', async () => {
    const [first] = await stableWith(1)
    await join({ isKnownIdRequired: true })
    const rejoined = join({ memberId: first as string })
    jest.advanceTimersByTime(999)
    expect(group.state).toBe('PreparingRebalance')
    jest.advanceTimersByTime(1)
    expect((await rejoined).generationId).toBe(2)
  })

  it('ends with the session, and the others rebalance', async () => {
    const [first, second] = await stableWith(2)
    for (let elapsed = 0; elapsed < 1200; elapsed += 400) {
      jest.advanceTimersByTime(400)
      group.heartbeat(first as string, null, group.generation)
    }
    expect(group.state).toBe('PreparingRebalance')
    expect(group.heartbeat(second as string, null, 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect((await join({ memberId: first as string })).members).toHaveLength(1)
  })

  it('ends by leaving; the last one leaves an Empty group', async () => {
    const [first, second] = await stableWith(2)
    expect(group.leave(first as string, null)).toBe(ErrorCode.NONE)
    const joined = await join({ memberId: second as string })
    expect(joined).toMatchObject({ leader: second, generationId: 3 })
    expect(group.leave(second as string, null)).toBe(ErrorCode.NONE)
    expect(group.state).toBe('Empty')
    expect(group.leave(second as string, null)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('is not had by strangers, nor by those of another generation', async () => {
    const [first] = await stableWith(1)
    expect(group.heartbeat('stranger', null, 1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect(group.heartbeat(first as string, null, 0)).toBe(ErrorCode.ILLEGAL_GENERATION)
    expect((await join({ memberId: 'stranger' })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect((await group.sync(first as string, null, 7, [])).errorCode).toBe(ErrorCode.ILLEGAL_GENERATION)
  })

  it('needs a protocol that all share', async () => {
    await stableWith(1)
    const sticky = [{ name: 'sticky', metadata: Buffer.alloc(0) }]
    expect((await join({ protocols: sticky })).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    expect((await join({ protocolType: 'connect' })).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    expect((await join({ protocols: [] })).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    expect(group.state).toBe('Stable')
  })

  it('elects the protocol that most members prefer', async () => {
    const sticky = { name: 'sticky', metadata: Buffer.from('s') }
    const roundRobin = { name: 'round-robin', metadata: Buffer.from('r') }
    const first = await join({ protocols: [roundRobin, sticky] })
    const joins = await Promise.all([
      join({ protocols: [sticky, roundRobin] }),
      join({ protocols: [sticky, roundRobin] }),
      join({ memberId: first.memberId, protocols: [roundRobin, sticky] }),
    ])
    expect(new Set(joins.map(({ protocolName }) => protocolName))).toEqual(new Set(['sticky']))
  })
})

describe('a member that joins again', () => {
  it('gets the same answer while nothing has changed', async () => {
    const ids = await stableWith(2)
    const again = await join({ memberId: ids[1] as string })
    expect(again).toMatchObject({ generationId: 2, errorCode: 0 })
    expect(group.state).toBe('Stable')
  })

  it('starts a rebalance when it is the leader or brings other metadata', async () => {
    const ids = await stableWith(2)
    const protocols = [{ name: 'round-robin', metadata: Buffer.from('more topics') }]
    const joins = [join({ memberId: ids[1] as string, protocols }), join({ memberId: ids[0] as string })]
    expect((await Promise.all(joins)).map(({ generationId }) => generationId)).toEqual([3, 3])
  })
})

describe('a static member', () => {
  it('comes back under a new id without a rebalance, and its old self is fenced', async () => {
    const first = await join({ instanceId: 'one' })
    await settle([first.memberId])
    const back = await join({ instanceId: 'one' })
    expect(back).toMatchObject({ errorCode: 0, generationId: 1 })
    expect(back.memberId).not.toBe(first.memberId)
    expect(group.state).toBe('Stable')
    const { assignment } = await group.sync(back.memberId, 'one', 1, [])
    expect(assignment.toString()).toBe(first.memberId)
    expect(group.heartbeat(first.memberId, 'one', 1)).toBe(ErrorCode.FENCED_INSTANCE_ID)
    expect(group.heartbeat(back.memberId, 'one', 1)).toBe(ErrorCode.NONE)
  })

  it('can be removed by its instance id alone', async () => {
    const { memberId } = await join({ instanceId: 'one' })
    await settle([memberId])
    expect(group.leave('', 'one')).toBe(ErrorCode.NONE)
    expect(group.state).toBe('Empty')
  })
})

describe('a commit', () => {
  it('is taken from members of this generation, and from anybody while there is no member', async () => {
    expect(group.checkCommit('', null, -1)).toBe(ErrorCode.NONE)
    const [first] = await stableWith(1)
    expect(group.checkCommit(first as string, null, 1)).toBe(ErrorCode.NONE)
    expect(group.checkCommit('', null, -1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect(group.checkCommit(first as string, null, 0)).toBe(ErrorCode.ILLEGAL_GENERATION)
  })

  it('is taken while others are asked to rejoin, not while the new assignment is open', async () => {
    const [first] = await stableWith(1)
    const second = join()
    expect(group.checkCommit(first as string, null, 1)).toBe(ErrorCode.NONE)
    await Promise.all([second, join({ memberId: first as string })])
    expect(group.checkCommit(first as string, null, 2)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  })
})
