// How much one service takes at a time, and how often it looks after what nobody else does.

/** How many events, or commands, one transaction takes at most. */
export const batchMax = 500
/** The same where some of them decide in SQL: so long they hold the rows that they change. */
export const transactBatchMax = 100
/** How long one event's SQL may take, unless a setting says otherwise. */
export const transactTimeoutMsDefault = 10_000
export const performsMax = 64
export const performAttemptsMax = 5
export const commandsWaitingMax = 10_000
export const outboxLimits = {
  eventsMax: 10_000,
  eventsBytesMax: 32 * 1024 * 1024,
  commandsMax: 20_000,
  commandsBytesMax: 64 * 1024 * 1024,
}
export const backPressureEveryMs = 1_000
/** Between two portions, and between two walks through all of what may be forgotten. */
export const retentionPace = { everyMs: 1_000, restMs: 600_000 }
/** How long the result of a call waits for its settlement, before it is written by itself. */
export const resultsKeptAfterMs = 10
/** How long published records may stay in an idle service's outbox. */
export const outboxIdleMs = 200
export const forgetTimeoutMs = 2_000
/** How long the position of a topic may stay behind in which nothing concerns the service. */
export const passedKeptAfterMs = 10_000
/** Events that nobody publishes are found when they are this old, at the latest twice this. */
export const staleAfterMs = 30_000
export const pulseEveryMs = 2_000
/** How long a deadline that is due may go unnoticed, and how often all of them are counted. */
export const firingPace = { everyMs: 1_000, countEveryMs: 10_000 }
/** One question to the registry: on a busy machine one that has just started takes seconds for its first answers. */
export const registryTimeoutMs = 10_000
/** One attempt at a dependency while the service starts; the start as a whole has `startTimeoutMs`. */
export const attemptTimeoutMs = 3_000
/** How long an event waits for a schema that the registry does not have. */
export const unknownSchemaWaitMsDefault = 30_000
/** How long it may take to notice which parked keys somebody else has made due. */
export const retryEveryMs = 1_000
/** The same where a test makes delays short. */
export const retryEveryMsMin = 20
/** How long a parked key that is due may wait for others, with which it is tried again. */
export const retryRestMs = 100
/** How much one partition may have parked, unless a setting says otherwise. */
export const parkedLimitsDefault = { eventsMax: 100_000, bytesMax: 256 * 1024 * 1024 }
