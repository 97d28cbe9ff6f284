/**
 * DeleteTopics: gives back topics with their messages and the offsets that groups committed to them.
 * Fetches that wait on such a topic are answered with UNKNOWN_TOPIC_OR_PARTITION. Ignores the timeout.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 4,
  request: struct({ topicNames: array(string), timeoutMs: int32 }),
  response: struct({
    throttleTimeMs: since(1, int32),
    responses: array(struct({ name: string, errorCode: int16 })),
  }),

  handle({ topicNames }, { services: { topics, groups } }) {
    const responses = topicNames.map((name) => {
      const topic = topics.get(name)
      if (topic === undefined) return { name, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
      topics.delete(topic)
      groups.forgetTopic(name)
      return { name, errorCode: ErrorCode.NONE }
    })
    return { throttleTimeMs: 0, responses }
  },
})
