/**
 * Committed offsets in a file, one JSON line each; the last line for a partition counts. Rewritten with
 * the living lines only at every start, and whenever most of it is history.
 */
import * as fs from 'node:fs'
import { BrokerError } from '../broker-error.ts'
import type { OffsetCommit } from '../groups/committed-offsets.ts'
import type { OffsetJournal, OffsetReplay } from '../groups/group-coordinator.ts'
import type { Log } from '../server/connection.ts'
import { AppendFile, replaceFile } from './append-file.ts'

type Line =
  | ({ readonly group: string } & OffsetCommit)
  | { readonly deletedGroup: string }
  | { readonly deletedTopic: string }

const COMPACTED_LINES_MIN = 20_000
const HISTORY_FACTOR = 4

/** Reads the journal into `replay`, then keeps it. A torn last line is dropped, and said aloud. */
export function openOffsetJournal(
  path: string,
  isSynced: boolean,
  log: Log,
  replay: OffsetReplay,
): OffsetJournal {
  for (const line of readLines(path, log)) {
    if ('deletedGroup' in line) replay.deleteGroup(line.deletedGroup)
    else if ('deletedTopic' in line) replay.deleteTopic(line.deletedTopic)
    else replay.commit(line.group, [line])
  }
  // Until the first rewrite, for all we know everything is history.
  let lineCount = Number.POSITIVE_INFINITY
  let file = new AppendFile(path, fs.existsSync(path) ? fs.statSync(path).size : 0, isSynced)
  const append = (lines: readonly Line[]): void => {
    file.append(Buffer.from(toText(lines)))
    lineCount += lines.length
  }
  return {
    commit: (group, commits) => append(commits.map((commit) => ({ group, ...commit }))),
    deleteGroup: (deletedGroup) => append([{ deletedGroup }]),
    deleteTopic: (deletedTopic) => append([{ deletedTopic }]),
    compactIfDue(living) {
      if (lineCount < COMPACTED_LINES_MIN) return
      const lines = living().flatMap(({ group, commits }) => commits.map((commit) => ({ group, ...commit })))
      if (lineCount < lines.length * HISTORY_FACTOR) return
      const text = toText(lines)
      try {
        replaceFile(path, text, isSynced)
      } catch (error) {
        // The long journal is as good as the short one: nothing is lost, the next commit tries again.
        log('error', `${path} could not be rewritten: ${String(error)}`)
        return
      }
      file.close()
      file = new AppendFile(path, Buffer.byteLength(text), isSynced)
      lineCount = lines.length
    },
    close: () => file.close(),
  }
}

function toText(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

function* readLines(path: string, log: Log): Generator<Line> {
  if (!fs.existsSync(path)) return
  const content = fs.readFileSync(path)
  const wholeLength = content.lastIndexOf('\n') + 1
  if (wholeLength < content.length) {
    log('warn', `${path}: the last line is torn and was dropped (the broker did not stop cleanly)`)
    fs.truncateSync(path, wholeLength)
  }
  if (wholeLength === 0) return
  const texts = content.toString('utf8', 0, wholeLength - 1).split('\n')
  for (const [at, text] of texts.entries()) {
    try {
      yield JSON.parse(text) as Line
    } catch (cause) {
      throw new BrokerError(
        'BROKER_FOLDER_DAMAGED',
        `${path}, line ${at + 1}, is no committed offset: restore the file, or remove it and let consumers begin anew.`,
        { cause },
      )
    }
  }
}
