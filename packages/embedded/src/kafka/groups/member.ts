/** A protocol that a member could use, with what the assigner wants to know of the member. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

/** What a consumer says when it joins. */
export interface JoinRequest {
  /** Empty for a consumer that has no id yet. */
  readonly memberId: string
  /** Set for static members (KIP-345). */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  /** Whether a consumer without id is sent back to join again with the id it is given (KIP-394). */
  readonly isKnownIdRequired: boolean
  /** Called when a rebalance begins: the consumer should hear of it soon. */
  readonly onRebalance: () => void
}

/** The answer to a join. */
export interface JoinResult {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly memberId: string
  /** For the leader only, who assigns. */
  readonly members: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[]
}

/** The answer to a sync. */
export interface SyncResult {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

/** One consumer of a group; owned by its group. */
export interface Member {
  readonly id: string
  instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer
  onRebalance: () => void
  sessionTimer: NodeJS.Timeout
  /** Answers the parked join, if one is parked. */
  answerJoin: ((result: JoinResult) => void) | null
  /** Answers the parked sync, if one is parked. */
  answerSync: ((result: SyncResult) => void) | null
  hasSynced: boolean
}

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0)

/** Whether two lists of protocols are the same, metadata included. */
export function areSameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, at) => protocol.name === b[at]?.name && protocol.metadata.equals(b[at].metadata))
  )
}

/** Names of the protocols that every member could use. */
export function commonProtocols(members: Iterable<Pick<Member, 'protocols'>>): Set<string> {
  let common: Set<string> | undefined
  for (const { protocols } of members) {
    const names = protocols.map(({ name }) => name)
    common = new Set(common === undefined ? names : names.filter((name) => common?.has(name)))
  }
  return common ?? new Set()
}

/** The protocol that most members like best among those that all could use. */
export function electProtocol(members: Iterable<Pick<Member, 'protocols'>>): string | null {
  const all = [...members]
  const common = commonProtocols(all)
  const votes = new Map<string, number>()
  for (const { protocols } of all) {
    const favourite = protocols.find(({ name }) => common.has(name))
    if (favourite) votes.set(favourite.name, (votes.get(favourite.name) ?? 0) + 1)
  }
  let elected: string | null = null
  for (const [name, count] of votes) {
    if (elected === null || count > (votes.get(elected) ?? 0)) elected = name
  }
  return elected
}
