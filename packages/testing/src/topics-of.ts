import type { Service } from '@troupe/core'
import type { TopicSpec } from '@troupe/kafka'

/**
 * The topics of a harness, each as its service declares it. They are made before a service starts, so that
 * nobody reads a topic that is only then brought to what its owner declares. How many brokers keep them is
 * the stack's matter: it may have one.
 *
 * @param partitions of topics whose service declares no number, or does not run here
 */
export function topicsOf(services: readonly Service[], partitions: number): readonly TopicSpec[] {
  const shapes = new Map(services.map(({ topic, topicShape }) => [topic, topicShape]))
  const names = services.flatMap(({ topic, deadLetterTopic, hears, says }) => [
    ...[...hears, ...says].map((type) => type.topic),
    topic,
    deadLetterTopic,
  ])
  return [...new Set(names)].map((topic) => {
    const { partitions: declared = partitions, retentionMs } = shapes.get(topic) ?? {}
    const config = retentionMs === undefined ? {} : { 'retention.ms': String(retentionMs) }
    return { topic, partitions: declared, config }
  })
}
