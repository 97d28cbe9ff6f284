/**
 * One consumer group under the classic rebalance protocol.
 *
 * | state               | join                    | all joined, or time is up  | sync                    | leave, session ends     | delete |
 * |---------------------|-------------------------|----------------------------|-------------------------|-------------------------|--------|
 * | Empty               | → PreparingRebalance    | -                          | unknown member          | unknown member          | → Dead |
 * | PreparingRebalance  | park the join           | → CompletingRebalance, or  | rebalance in progress   | may complete the joins  | refuse |
 * |                     |                         |   → Empty without members  |                         |                         |        |
 * | CompletingRebalance | same protocols: answer; | no sync: out, and          | park; the leader's      | → PreparingRebalance    | refuse |
 * |                     | else → Preparing…       |   → PreparingRebalance     |   → Stable, answer all  |                         |        |
 * | Stable              | leader or new protocols | -                          | answer the assignment   | → PreparingRebalance    | refuse |
 * |                     | → Preparing…; else      |                            |                         |                         |        |
 * |                     | answer                  |                            |                         |                         |        |
 * | Dead                | unknown member          | -                          | unknown member          | unknown member          | -      |
 *
 * Invariants
 * 1. The generation goes up by one each time joins complete, and at no other time.
 * 2. A member has at most one parked join and one parked sync; the later request supersedes the earlier.
 *    Parked joins exist in PreparingRebalance only, parked syncs in CompletingRebalance only.
 * 3. A member's session cannot end while it waits for us (a parked join or sync).
 * 4. Outside Empty and Dead the group has a member or someone who was told an id to come back with.
 * 5. All timers are unref'ed, and none outlives `close`.
 *
 * Longer than other files on purpose: one lifecycle is easier to check in one place.
 */
import { randomUUID } from 'node:crypto'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  areSameProtocols,
  commonProtocols,
  electProtocol,
  type JoinRequest,
  type JoinResult,
  type Member,
  NO_ASSIGNMENT,
  type SyncResult,
} from './member.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

const UNKNOWN_GENERATION = -1

export class Group {
  readonly id: string
  readonly #initialDelayMs: number
  readonly #members = new Map<string, Member>()
  /** Ids that were given out with "come back with this", and when to stop waiting for each. */
  readonly #expected = new Map<string, NodeJS.Timeout>()
  #state: GroupState = 'Empty'
  #generation = 0
  #protocolType: string | null = null
  #protocolName: string | null = null
  #leaderId: string | null = null
  /** Ends the phase: joins in PreparingRebalance, syncs in CompletingRebalance. */
  #phaseTimer: NodeJS.Timeout | undefined
  #isInitialDelay = false
  #hasNewcomer = false

  constructor(id: string, initialDelayMs: number) {
    this.id = id
    this.#initialDelayMs = initialDelayMs
  }

  get state(): GroupState {
    return this.#state
  }
  get generation(): number {
    return this.#generation
  }
  get protocolType(): string | null {
    return this.#protocolType
  }
  get protocolName(): string | null {
    return this.#protocolName
  }
  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  join(request: JoinRequest): Promise<JoinResult> | JoinResult {
    const errorCode = this.#whyJoinIsRefused(request)
    if (errorCode !== ErrorCode.NONE) return refusedJoin(request.memberId, errorCode)

    const predecessor = this.#memberOfInstance(request.instanceId)
    if (request.memberId === '' && predecessor) return this.#returnStatic(request, predecessor)
    const known = this.#members.get(request.memberId)
    if (known) return this.#rejoin(request, known)
    if (request.memberId !== '') {
      clearTimeout(this.#expected.get(request.memberId))
      this.#expected.delete(request.memberId)
      return this.#admit(request, request.memberId)
    }
    const memberId = `${request.instanceId ?? request.clientId}-${randomUUID()}`
    if (!request.isKnownIdRequired || request.instanceId !== null) return this.#admit(request, memberId)
    this.#expect(memberId, request.sessionTimeoutMs)
    return refusedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED)
  }

  /** `assignments` comes from the leader; the other members send none. */
  sync(
    memberId: string,
    instanceId: string | null,
    generation: number,
    assignments: readonly { memberId: string; assignment: Buffer }[],
  ): Promise<SyncResult> | SyncResult {
    const errorCode = this.check(memberId, instanceId, generation)
    if (errorCode !== ErrorCode.NONE) return refusedSync(errorCode)
    const member = this.#members.get(memberId) as Member
    member.sessionTimer.refresh()
    switch (this.#state) {
      case 'Stable':
        return this.#syncResult(member)
      case 'CompletingRebalance': {
        member.answerSync?.(refusedSync(ErrorCode.REBALANCE_IN_PROGRESS))
        member.hasSynced = true
        if (memberId !== this.#leaderId) return new Promise((resolve) => (member.answerSync = resolve))
        this.#assign(assignments)
        return this.#syncResult(member)
      }
      case 'PreparingRebalance':
        return refusedSync(ErrorCode.REBALANCE_IN_PROGRESS)
      case 'Empty':
      case 'Dead':
        return refusedSync(ErrorCode.UNKNOWN_MEMBER_ID)
    }
  }

  heartbeat(memberId: string, instanceId: string | null, generation: number): ErrorCode {
    const errorCode = this.check(memberId, instanceId, generation)
    if (errorCode !== ErrorCode.NONE) return errorCode
    this.#members.get(memberId)?.sessionTimer.refresh()
    return this.#state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  leave(memberId: string, instanceId: string | null): ErrorCode {
    const expected = this.#expected.get(memberId)
    if (expected !== undefined) {
      this.#stopExpecting(memberId)
      return ErrorCode.NONE
    }
    const member = this.#memberOfInstance(instanceId) ?? this.#members.get(memberId)
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    // An administrator removes a static member by its instance id alone.
    if (memberId !== '' && member.id !== memberId) return ErrorCode.FENCED_INSTANCE_ID
    this.#remove(member)
    return ErrorCode.NONE
  }

  /** Whether a member of this generation speaks. Fences those who lost their place without knowing. */
  check(memberId: string, instanceId: string | null, generation: number): ErrorCode {
    if (this.#state === 'Dead' || this.#state === 'Empty') return ErrorCode.UNKNOWN_MEMBER_ID
    const holder = this.#memberOfInstance(instanceId)
    if (instanceId !== null && holder !== undefined && holder.id !== memberId) {
      return ErrorCode.FENCED_INSTANCE_ID
    }
    if (!this.#members.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID
    return generation === this.#generation ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION
  }

  /** Whether offsets may be committed by this caller now; a commit is a sign of life. */
  checkCommit(memberId: string, instanceId: string | null, generation: number): ErrorCode {
    // A client that assigns partitions itself commits without being a member: fine while nobody is one.
    if (generation < 0 && memberId === '' && this.#state === 'Empty') return ErrorCode.NONE
    const errorCode = this.check(memberId, instanceId, generation)
    if (errorCode !== ErrorCode.NONE) return errorCode
    this.#members.get(memberId)?.sessionTimer.refresh()
    // The member has not got its assignment of this generation yet: it cannot know what it commits.
    return this.#state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  /** Ends an Empty group. */
  kill(): void {
    this.#state = 'Dead'
    this.close()
  }

  /** Stops all timers. Parked requests are dropped with their connections. */
  close(): void {
    clearTimeout(this.#phaseTimer)
    for (const timer of this.#expected.values()) clearTimeout(timer)
    for (const member of this.#members.values()) clearTimeout(member.sessionTimer)
  }

  #whyJoinIsRefused(request: JoinRequest): ErrorCode {
    const { memberId, instanceId, protocols, protocolType } = request
    if (this.#state === 'Dead') return ErrorCode.UNKNOWN_MEMBER_ID
    const holder = this.#memberOfInstance(instanceId)
    if (holder !== undefined && memberId !== '' && holder.id !== memberId) return ErrorCode.FENCED_INSTANCE_ID
    if (memberId !== '' && !this.#members.has(memberId) && !this.#expected.has(memberId)) {
      return ErrorCode.UNKNOWN_MEMBER_ID
    }
    if (protocolType === '' || protocols.length === 0) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    const others = this.members.filter(({ id }) => id !== memberId && id !== holder?.id)
    if (others.length === 0) {
      this.#protocolType = protocolType
      return ErrorCode.NONE
    }
    const isConsistent =
      protocolType === this.#protocolType && commonProtocols([...others, { protocols }]).size > 0
    return isConsistent ? ErrorCode.NONE : ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  }

  #admit(request: JoinRequest, memberId: string): Promise<JoinResult> {
    const member: Member = {
      id: memberId,
      ...detailsOf(request),
      assignment: NO_ASSIGNMENT,
      sessionTimer: this.#sessionTimer(memberId, request.sessionTimeoutMs),
      answerJoin: null,
      answerSync: null,
      hasSynced: false,
    }
    this.#members.set(memberId, member)
    this.#hasNewcomer = true
    return this.#parkJoin(member)
  }

  #rejoin(request: JoinRequest, member: Member): Promise<JoinResult> | JoinResult {
    const isUnchanged = areSameProtocols(member.protocols, request.protocols)
    const isAnswerLost = this.#state === 'CompletingRebalance' && isUnchanged
    const isIdle = this.#state === 'Stable' && isUnchanged && member.id !== this.#leaderId
    this.#update(member, request)
    if (isAnswerLost || isIdle) return this.#joinResult(member)
    return this.#parkJoin(member)
  }

  /** A static member comes back after a restart: same place, new id, and no rebalance if nothing changed. */
  #returnStatic(request: JoinRequest, predecessor: Member): Promise<JoinResult> | JoinResult {
    const isUnchanged = areSameProtocols(predecessor.protocols, request.protocols)
    const formerLeaderId = this.#leaderId
    predecessor.answerJoin?.(refusedJoin(predecessor.id, ErrorCode.FENCED_INSTANCE_ID))
    predecessor.answerSync?.(refusedSync(ErrorCode.FENCED_INSTANCE_ID))
    clearTimeout(predecessor.sessionTimer)
    this.#members.delete(predecessor.id)
    const memberId = `${request.instanceId ?? ''}-${randomUUID()}`
    const member: Member = {
      ...predecessor,
      id: memberId,
      ...detailsOf(request),
      sessionTimer: this.#sessionTimer(memberId, request.sessionTimeoutMs),
      answerJoin: null,
      answerSync: null,
    }
    this.#members.set(memberId, member)
    if (this.#leaderId === predecessor.id) this.#leaderId = memberId
    if (this.#state !== 'Stable' || !isUnchanged) return this.#parkJoin(member)
    // Told the leader's former id, it takes itself for a follower and asks for its old assignment.
    return { ...this.#joinResult(member), leader: formerLeaderId ?? '', members: [] }
  }

  #parkJoin(member: Member): Promise<JoinResult> {
    member.answerJoin?.(refusedJoin(member.id, ErrorCode.REBALANCE_IN_PROGRESS))
    const result = new Promise<JoinResult>((resolve) => (member.answerJoin = resolve))
    if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined()
    else this.#prepareRebalance()
    return result
  }

  #prepareRebalance(): void {
    for (const member of this.#members.values()) {
      if (member.answerSync === null) continue
      member.answerSync(refusedSync(ErrorCode.REBALANCE_IN_PROGRESS))
      member.answerSync = null
      // Its session counts from now: while it waited for us, it could not show that it is alive.
      member.sessionTimer.refresh()
    }
    this.#isInitialDelay = this.#state === 'Empty' && this.#initialDelayMs > 0
    this.#state = 'PreparingRebalance'
    if (this.#isInitialDelay) {
      this.#startInitialDelay(this.#initialDelayMs, this.#rebalanceTimeoutMs() - this.#initialDelayMs)
      return
    }
    this.#startPhase(this.#rebalanceTimeoutMs(), () => this.#completeJoins())
    for (const member of this.#members.values()) if (member.answerJoin === null) member.onRebalance()
    this.#completeIfAllJoined()
  }

  /** Waits for the first members to gather; each newcomer gives the next one another chance. */
  #startInitialDelay(delayMs: number, remainingMs: number): void {
    this.#hasNewcomer = false
    this.#startPhase(delayMs, () => {
      const nextMs = Math.min(this.#initialDelayMs, remainingMs)
      if (this.#hasNewcomer && nextMs > 0) return this.#startInitialDelay(nextMs, remainingMs - nextMs)
      this.#isInitialDelay = false
      this.#completeJoins()
    })
  }

  #completeIfAllJoined(): void {
    if (this.#isInitialDelay || this.#expected.size > 0) return
    for (const member of this.#members.values()) if (member.answerJoin === null) return
    this.#completeJoins()
  }

  #completeJoins(): void {
    clearTimeout(this.#phaseTimer)
    for (const member of this.#members.values()) {
      // A static member keeps its place until its session ends.
      if (member.answerJoin !== null || member.instanceId !== null) continue
      this.#forget(member)
    }
    this.#generation += 1
    if (this.#members.size === 0) {
      this.#state = 'Empty'
      this.#protocolName = null
      this.#leaderId = null
      return
    }
    this.#state = 'CompletingRebalance'
    this.#protocolName = electProtocol(this.#members.values())
    this.#electLeader()
    for (const member of this.#members.values()) {
      member.assignment = NO_ASSIGNMENT
      member.hasSynced = false
      member.sessionTimer.refresh()
      member.answerJoin?.(this.#joinResult(member))
      member.answerJoin = null
    }
    this.#startPhase(this.#rebalanceTimeoutMs(), () => this.#expelUnsynced())
  }

  #electLeader(): void {
    const leader = this.#members.get(this.#leaderId ?? '')
    if (leader?.answerJoin) return
    const present = this.members.find(({ answerJoin }) => answerJoin !== null) ?? this.members[0]
    this.#leaderId = present?.id ?? null
  }

  #assign(assignments: readonly { memberId: string; assignment: Buffer }[]): void {
    clearTimeout(this.#phaseTimer)
    // Copied: a view would keep the whole request alive as long as the generation.
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId)
      if (member) member.assignment = Buffer.from(assignment)
    }
    this.#state = 'Stable'
    for (const member of this.#members.values()) {
      member.sessionTimer.refresh()
      member.answerSync?.(this.#syncResult(member))
      member.answerSync = null
    }
  }

  #expelUnsynced(): void {
    for (const member of this.#members.values()) if (!member.hasSynced) this.#forget(member)
    this.#prepareRebalance()
  }

  #remove(member: Member): void {
    this.#forget(member)
    if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined()
    else this.#prepareRebalance()
  }

  #forget(member: Member): void {
    clearTimeout(member.sessionTimer)
    this.#members.delete(member.id)
    member.answerJoin?.(refusedJoin(member.id, ErrorCode.UNKNOWN_MEMBER_ID))
    member.answerSync?.(refusedSync(ErrorCode.UNKNOWN_MEMBER_ID))
    member.answerJoin = null
    member.answerSync = null
    if (this.#leaderId === member.id) this.#leaderId = null
  }

  #update(member: Member, request: JoinRequest): void {
    const { sessionTimeoutMs } = member
    Object.assign(member, detailsOf(request))
    if (sessionTimeoutMs === request.sessionTimeoutMs) {
      member.sessionTimer.refresh()
      return
    }
    clearTimeout(member.sessionTimer)
    member.sessionTimer = this.#sessionTimer(member.id, request.sessionTimeoutMs)
  }

  #expect(memberId: string, timeoutMs: number): void {
    this.#expected.set(memberId, setTimeout(() => this.#stopExpecting(memberId), timeoutMs).unref())
  }

  #stopExpecting(memberId: string): void {
    clearTimeout(this.#expected.get(memberId))
    this.#expected.delete(memberId)
    if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined()
  }

  #sessionTimer(memberId: string, timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      const member = this.#members.get(memberId)
      if (member === undefined) return
      if (member.answerJoin !== null || member.answerSync !== null) member.sessionTimer.refresh()
      else this.#remove(member)
    }, timeoutMs).unref()
  }

  #startPhase(timeoutMs: number, onEnd: () => void): void {
    clearTimeout(this.#phaseTimer)
    this.#phaseTimer = setTimeout(onEnd, timeoutMs).unref()
  }

  #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs))
  }

  #memberOfInstance(instanceId: string | null): Member | undefined {
    return instanceId === null ? undefined : this.members.find((member) => member.instanceId === instanceId)
  }

  #joinResult(member: Member): JoinResult {
    const { id } = member
    const isLeader = id === this.#leaderId
    return {
      errorCode: ErrorCode.NONE,
      generationId: this.#generation,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leader: this.#leaderId ?? '',
      memberId: id,
      members: isLeader ? this.members.map((each) => this.#forLeader(each)) : [],
    }
  }

  #forLeader({ id, instanceId, protocols }: Member): JoinResult['members'][number] {
    const protocol = protocols.find(({ name }) => name === this.#protocolName)
    return { memberId: id, groupInstanceId: instanceId, metadata: protocol?.metadata ?? NO_ASSIGNMENT }
  }

  #syncResult(member: Member): SyncResult {
    return {
      errorCode: ErrorCode.NONE,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      assignment: member.assignment,
    }
  }
}

function detailsOf(request: JoinRequest) {
  const { instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, onRebalance } = request
  // Copied: a view would keep the whole request alive as long as the member.
  const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
  return { instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, onRebalance, protocols }
}

function refusedJoin(memberId: string, errorCode: ErrorCode): JoinResult {
  const nothing = { protocolType: null, protocolName: null, leader: '', members: [] }
  return { errorCode, generationId: UNKNOWN_GENERATION, memberId, ...nothing }
}

function refusedSync(errorCode: ErrorCode): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT }
}
