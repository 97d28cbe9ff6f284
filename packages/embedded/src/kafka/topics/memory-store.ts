import { PartitionLog } from '../log/partition-log.ts'
import type { TopicStore } from './topic-catalogue.ts'

/** Topics that end with the process. */
export const memoryTopicStore: TopicStore = {
  save() {},
  openLog: () => new PartitionLog(),
  forget() {},
}
