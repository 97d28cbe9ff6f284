// What a partition's lane says of a log that is not what it should be.

import { type TopicPartition, TroupeError } from '@troupe/core'

interface Range {
  readonly low: bigint
  readonly high: bigint
}

export function damagedAt(place: TopicPartition, offset: bigint, damage: string): TroupeError {
  const { topic, partition } = place
  return new TroupeError(
    'TROUPE_RECORD_CORRUPT',
    `What Kafka holds of ${topic}[${partition}] from ${offset} on is damaged: ${damage}. It is asked for again, and nothing of it is handled; if this goes on, look at the disks of the partition's leader, or move the leader.`,
    { details: { ...place, offset } },
  )
}

/** Records that are gone, and are gone past because that is set. */
export function skippedTo(place: TopicPartition, position: bigint, low: bigint): TroupeError {
  const { topic, partition } = place
  return new TroupeError(
    'TROUPE_POSITION_OUT_OF_RANGE',
    `${low - position} records of ${topic}[${partition}] were deleted before they were read: ${position} was due, and ${low} is the first that is left. They are skipped, as is set.`,
    { details: { ...place, position, low } },
  )
}

/** A position that the log does not have. */
export function outOfRange(place: TopicPartition, position: bigint, { low, high }: Range): TroupeError {
  const { topic, partition } = place
  const lost = position < low ? `${low - position} records are gone` : 'the log was cut or made anew'
  return new TroupeError(
    'TROUPE_POSITION_OUT_OF_RANGE',
    `${topic}[${partition}] is to be read from ${position}, but holds only ${low} to ${high}: ${lost}. Nothing of this partition is read until its stored position is set by a person.`,
    { details: { ...place, position, low, high } },
  )
}

/** A position in a topic that is there no more: what has its name now is another one. */
export interface Replaced {
  readonly position: bigint
  /** Kafka's ids of the topics. */
  readonly topicId: string
  readonly foundId: string
}

export function ofAnotherTopic(
  place: TopicPartition,
  { position, topicId, foundId }: Replaced,
  startsOver: boolean,
): TroupeError {
  const { topic, partition } = place
  const then = startsOver
    ? 'Its first record is gone on with, as is set.'
    : 'Nothing of this partition is read until a person has decided: go on with the first record of the new topic (data loss that is skipped), or restore the old one.'
  return new TroupeError(
    'TROUPE_POSITION_OUT_OF_RANGE',
    `${topic} was deleted and made again since ${topic}[${partition}] was read: ${position} was due of the topic with id ${topicId}, and the one that has its name now has id ${foundId}. What the old one held from there on is gone. ${then}`,
    { details: { ...place, position, topicId, foundId } },
  )
}
