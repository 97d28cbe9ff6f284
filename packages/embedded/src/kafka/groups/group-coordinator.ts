/**
 * The groups of the broker: who is in them (`Group`) and how far they came (`CommittedOffsets`).
 *
 * Invariants
 * 1. A group appears with its first join or commit and stays, with or without members, until it is
 *    deleted; only an Empty group can be.
 * 2. The journal has heard of a commit before it is answered.
 * 3. Membership lives in memory only: after a restart groups are Empty, and their former members are told
 *    to join again.
 */
import { CommittedOffsets, type OffsetCommit } from './committed-offsets.ts'
import { Group } from './group.ts'

/** What can happen to committed offsets: told to a journal as it happens, and back at the next start. */
export interface OffsetReplay {
  commit(group: string, commits: readonly OffsetCommit[]): void
  deleteGroup(group: string): void
  deleteTopic(topic: string): void
}

/** Where committed offsets are kept beyond the process, if anywhere. */
export interface OffsetJournal extends OffsetReplay {
  /** Gives the journal the chance to forget what no longer counts. */
  compactIfDue(living: () => readonly { group: string; commits: readonly OffsetCommit[] }[]): void
  close(): void
}

/** A journal for groups that end with the process. */
const noJournal: OffsetJournal = {
  commit() {},
  deleteGroup() {},
  deleteTopic() {},
  compactIfDue() {},
  close() {},
}

export interface GroupEntry {
  readonly group: Group
  readonly offsets: CommittedOffsets
}

export class GroupCoordinator {
  readonly #entries = new Map<string, GroupEntry>()
  readonly #journal: OffsetJournal
  readonly #initialDelayMs: number

  /** `openJournal` tells what it holds before it returns. */
  constructor(
    initialDelayMs: number,
    openJournal: (replay: OffsetReplay) => OffsetJournal = () => noJournal,
  ) {
    this.#initialDelayMs = initialDelayMs
    this.#journal = openJournal({
      commit: (group, commits) => this.#remember(group, commits),
      deleteGroup: (group) => this.#entries.delete(group),
      deleteTopic: (topic) => this.all().forEach(({ offsets }) => offsets.deleteTopic(topic)),
    })
    this.#compactJournal()
  }

  get(groupId: string): GroupEntry | undefined {
    return this.#entries.get(groupId)
  }

  getOrCreate(groupId: string): GroupEntry {
    let entry = this.#entries.get(groupId)
    if (entry === undefined) {
      entry = { group: new Group(groupId, this.#initialDelayMs), offsets: new CommittedOffsets() }
      this.#entries.set(groupId, entry)
    }
    return entry
  }

  all(): GroupEntry[] {
    return [...this.#entries.values()]
  }

  /** The caller has checked that the group may be committed to. */
  commit(groupId: string, commits: readonly OffsetCommit[]): void {
    if (commits.length === 0) return
    this.#journal.commit(groupId, commits)
    this.#remember(groupId, commits)
    this.#compactJournal()
  }

  /** The caller has checked that the group is Empty. */
  delete(entry: GroupEntry): void {
    this.#journal.deleteGroup(entry.group.id)
    this.#entries.delete(entry.group.id)
    entry.group.kill()
  }

  /** A deleted topic's offsets mean nothing for a namesake. */
  forgetTopic(topic: string): void {
    const holders = this.all().filter(({ offsets }) => offsets.deleteTopic(topic))
    if (holders.length > 0) this.#journal.deleteTopic(topic)
  }

  close(): void {
    for (const { group } of this.#entries.values()) group.close()
    this.#journal.close()
  }

  #remember(groupId: string, commits: readonly OffsetCommit[]): void {
    const { offsets } = this.getOrCreate(groupId)
    for (const commit of commits) offsets.set(commit)
  }

  #compactJournal(): void {
    this.#journal.compactIfDue(() =>
      this.all().map(({ group, offsets }) => ({ group: group.id, commits: offsets.all() })),
    )
  }
}
