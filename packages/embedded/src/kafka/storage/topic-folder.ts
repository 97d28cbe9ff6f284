/**
 * Topics in a folder.
 *
 * ```
 * <dir>/catalogue.json                                      topics, settings, log starts, cluster id
 * <dir>/topics/<name>.<topic id>/<partition>/<offset>.log   batches
 * ```
 *
 * Invariants
 * 1. The catalogue decides: a topic's folder that it does not name is left over from a deletion that was
 *    cut short, and is removed at the next start.
 * 2. Folders carry the topic's id, so a deleted topic's files never become its namesake's (nor, on file
 *    systems that ignore case, those of a topic that is spelt alike).
 * 3. Producer ids are reserved in blocks before they are given out, so none is given twice.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../broker-error.ts'
import type { Log } from '../server/connection.ts'
import type { Topic, TopicStore } from '../topics/topic-catalogue.ts'
import { replaceFile } from './append-file.ts'
import { openSegmentFiles } from './segment-files.ts'

interface SavedTopic {
  readonly name: string
  readonly id: string
  readonly settings: Readonly<Record<string, string>>
  /** One per partition. */
  readonly startOffsets: readonly number[]
}

interface Catalogue {
  readonly format: number
  readonly clusterId: string
  readonly producerIdsReserved: number
  readonly topics: readonly SavedTopic[]
}

/** What a folder held when the broker started, and where to keep what comes. */
export interface TopicFolder extends TopicStore {
  readonly clusterId: string
  readonly recovered: readonly Topic[]
  nextProducerId(): number
}

const FORMAT = 1
const PRODUCER_ID_BLOCK = 1000
const NAME_CHARACTERS_MAX = 200
const TOPIC_FOLDER = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Opens the topics in `dir`, which the caller has locked. Throws `BROKER_FOLDER_DAMAGED`. */
export function openTopicFolder(dir: string, isSynced: boolean, log: Log): TopicFolder {
  const cataloguePath = join(dir, 'catalogue.json')
  const topicsPath = join(dir, 'topics')
  const options = { isSynced, log }
  const saved = readCatalogue(cataloguePath)
  const clusterId = saved?.clusterId ?? randomBytes(16).toString('base64url')
  let producerIdsReserved = saved?.producerIdsReserved ?? 0
  let producerId = producerIdsReserved
  let kept: readonly SavedTopic[] = saved?.topics ?? []

  const folderOf = ({ name, id }: Pick<Topic, 'name' | 'id'>): string =>
    join(topicsPath, `${name.slice(0, NAME_CHARACTERS_MAX)}.${id}`)
  const write = (): void => {
    const catalogue: Catalogue = { format: FORMAT, clusterId, producerIdsReserved, topics: kept }
    replaceFile(cataloguePath, `${JSON.stringify(catalogue, null, 2)}\n`, isSynced)
  }

  removeLeftovers(topicsPath, new Set(kept.map(folderOf)), log)
  const recovered = kept.map(
    ({ name, id, settings, startOffsets }): Topic => ({
      name,
      id,
      settings: new Map(Object.entries(settings)),
      partitions: startOffsets.map((startOffset, partition) =>
        openSegmentFiles(join(folderOf({ name, id }), String(partition)), startOffset, options),
      ),
    }),
  )
  write()

  return {
    clusterId,
    recovered,
    nextProducerId() {
      producerId += 1
      if (producerId > producerIdsReserved) {
        producerIdsReserved += PRODUCER_ID_BLOCK
        write()
      }
      return producerId
    },
    save(topics) {
      const before = kept
      kept = [...topics].map(toSaved)
      try {
        write()
      } catch (error) {
        kept = before
        throw error
      }
    },
    openLog: (topic, partition) => openSegmentFiles(join(folderOf(topic), String(partition)), 0, options),
    forget: (topic) => fs.rmSync(folderOf(topic), { recursive: true, force: true }),
  }
}

function toSaved({ name, id, settings, partitions }: Topic): SavedTopic {
  const startOffsets = partitions.map(({ startOffset }) => startOffset)
  return { name, id, settings: Object.fromEntries(settings), startOffsets }
}

function readCatalogue(path: string): Catalogue | undefined {
  if (!fs.existsSync(path)) return undefined
  let content: Partial<Catalogue>
  try {
    content = JSON.parse(fs.readFileSync(path, 'utf8')) as Partial<Catalogue>
  } catch (cause) {
    throw new BrokerError(
      'BROKER_FOLDER_DAMAGED',
      `${path} cannot be read (${String(cause)}): restore it, or remove the broker's folder to begin with an empty one.`,
      { cause },
    )
  }
  if (content.format === FORMAT) return content as Catalogue
  throw new BrokerError(
    'BROKER_FOLDER_DAMAGED',
    `${path} has format ${content.format}, this broker knows ${FORMAT}: use the version that wrote it, or another folder.`,
  )
}

function removeLeftovers(topicsPath: string, known: ReadonlySet<string>, log: Log): void {
  if (!fs.existsSync(topicsPath)) return
  for (const name of fs.readdirSync(topicsPath)) {
    const path = join(topicsPath, name)
    if (known.has(path) || !TOPIC_FOLDER.test(name)) continue
    log('info', `${path} belongs to no topic and was removed`)
    fs.rmSync(path, { recursive: true, force: true })
  }
}
