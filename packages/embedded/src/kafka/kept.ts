import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from './broker-error.ts'
import type { ResolvedOptions } from './broker-options.ts'
import { GroupCoordinator } from './groups/group-coordinator.ts'
import { lockFolder } from './storage/folder-lock.ts'
import { openOffsetJournal } from './storage/offset-journal.ts'
import { openTopicFolder } from './storage/topic-folder.ts'
import { memoryTopicStore } from './topics/memory-store.ts'
import { TopicCatalogue } from './topics/topic-catalogue.ts'

/** What outlives connections and, in a folder, the process. Whoever opened it closes it. */
export interface Kept {
  readonly clusterId: string
  readonly topics: TopicCatalogue
  readonly groups: GroupCoordinator
  nextProducerId(): number
  close(): void
}

/** Opens what is kept, in a folder if the options name one. When it throws, nothing is left open. */
export function openKept(options: ResolvedOptions): Kept {
  return options.dir === undefined ? keepInMemory(options) : keepInFolder(options.dir, options)
}

function keepInMemory({ groupInitialRebalanceDelayMs }: ResolvedOptions): Kept {
  let producerId = 0
  const topics = new TopicCatalogue(memoryTopicStore)
  const groups = new GroupCoordinator(groupInitialRebalanceDelayMs)
  return {
    clusterId: randomBytes(16).toString('base64url'),
    topics,
    groups,
    nextProducerId: () => (producerId += 1),
    close() {
      groups.close()
      topics.close()
    },
  }
}

function keepInFolder(dir: string, { fsync, log, groupInitialRebalanceDelayMs }: ResolvedOptions): Kept {
  prepareFolder(dir)
  const unlock = lockFolder(dir)
  try {
    const folder = openTopicFolder(dir, fsync, log)
    const topics = new TopicCatalogue(folder, folder.recovered)
    const groups = new GroupCoordinator(groupInitialRebalanceDelayMs, (replay) =>
      openOffsetJournal(join(dir, 'offsets.jsonl'), fsync, log, replay),
    )
    return {
      clusterId: folder.clusterId,
      topics,
      groups,
      nextProducerId: () => folder.nextProducerId(),
      close() {
        groups.close()
        topics.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

function prepareFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true })
    accessSync(dir, constants.R_OK | constants.W_OK)
  } catch (cause) {
    throw new BrokerError(
      'BROKER_FOLDER_UNUSABLE',
      `${dir} cannot be used (${(cause as Error).message}): give a folder that this user may write to.`,
      { cause },
    )
  }
}
