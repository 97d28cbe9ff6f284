export { admit, type Verdict } from './batch/admit.ts'
export {
  checkChoreography,
  type ChoreographyFlaw,
  type ChoreographyReport,
  type FlawKind,
  type UndoneStep,
} from './choreography/check-choreography.ts'
export { command, type Command, type CommandContext, type CommandDeclaration } from './declare/command.ts'
export { type Deadline, type DeadlineDeclaration, isDelay, type When } from './declare/deadline.ts'
export {
  fieldsOf,
  functionIfAny,
  refuseDeclaration,
  refuseUnknownFields,
  refuseValue,
} from './declare/declared.ts'
export { type DeadLetterFacts, deadLetterHeaders, deadLetterIdOf, deadLetterOf } from './aside/dead-letter.ts'
export {
  causeIdOf,
  type Delivery,
  type DeriveId,
  idsOf,
  recallFor,
  type Request,
  requestId,
  callingStepOf,
  stepKey,
  stepOf,
} from './batch/delivery.ts'
export {
  document,
  type DocumentDeclaration,
  documentName,
  type DocumentRef,
  type DocumentType,
} from './declare/document.ts'
export {
  avroContentType,
  type Envelope,
  envelopeOf,
  eventOf,
  headerNames,
  headersOf,
  type HeaderValue,
  type RecordHeaders,
  type RecordPlace,
  type TraceContext,
  traceOf,
  type SchemaFacts,
  schemaNameIn,
  typeHeaderOf,
} from './event/envelope.ts'
export {
  isTroupeError,
  messageOf,
  sayable,
  TroupeError,
  type TroupeErrorCode,
  type TroupeErrorOptions,
} from './errors.ts'
export type {
  AnyEventType,
  AvroRecordSchema,
  DataOf,
  Event,
  EventDraft,
  EventOf,
  EventType,
  InputOf,
  InputOfAll,
} from './declare/event-type.ts'
export { callsPaused, callsPausedCode, type Failure, failureOf } from './aside/failure.ts'
export { keyNameOf } from './event/key-name.ts'
export type { CalledStep, DoubtChange, DoubtWrites, KeptUndo, StoredDoubt } from './batch/doubt.ts'
export type { AsideChange, KeySet } from './batch/key-set.ts'
export { flawOfJson, freeze, type Json } from './event/json.ts'
export { atLogPlace, logPlaceOf, offsetBits, offsetName, ofLife } from './event/log-place.ts'
export { meantBy } from './declare/misspelt.ts'
export { flawOfName, nameLengthMax } from './declare/name.ts'
export {
  type Claim,
  type ClaimedTopic,
  type Held,
  type TakenClaim,
  type Codec,
  commandLane,
  type DeadlineDue,
  type DeadlineName,
  type DeadlineWrite,
  type DocumentName,
  type DocumentPage,
  type DocumentRead,
  type DocumentWrite,
  type Fired,
  type PendingDeadlines,
  type Forgettable,
  type InboxEntry,
  laneOf,
  type Ledger,
  type Log,
  type Outcome,
  type OutboxPage,
  type OutboxPart,
  type OutgoingRecord,
  type PositionMove,
  type RecallRequest,
  type Receipt,
  type Recollection,
  type Settlement,
  type StepName,
  type StepState,
  type StepWrite,
  type StoredAnswer,
  type StoredDocument,
  type StoredResult,
  type StoredSchema,
  type StoredStep,
} from './ports.ts'
export { type EventName, isSameEvent, type RawRecord, type TopicPartition } from './event/record.ts'
export type { Deciding, Emitted, TraceEmitted } from './batch/saying.ts'
export { decideTwice, type Elsewhere, type PurityCheck } from './batch/purity.ts'
export { decideOn, type Performed, reactTo, readableBy, transactOn, withoutRunning } from './batch/react.ts'
export {
  type BreakerPolicy,
  type Each,
  type OneOrMore,
  type PerformContext,
  type ReactContext,
  type Reaction,
  reaction,
  type ReactionDeclaration,
  type TransactContext,
  undo,
  type UndoContext,
  type UndoDeclaration,
  type UndoTransactContext,
} from './declare/reaction.ts'
export {
  type BoundReaction,
  type Ends,
  isService,
  type Service,
  service,
  type ServiceDeclaration,
  topicOf,
  type TopicShape,
} from './declare/service.ts'
export type {
  Sql,
  SqlRows,
  SqlValue,
  TableMigration,
  Tables,
  TableTransaction,
  UnitOptions,
  UnitOutcome,
} from './declare/tables.ts'
export { onStepEvent, onUndoEvent, type StepVerdict } from './batch/steps.ts'
export {
  durationOf,
  type Topology,
  type TopologyDeadline,
  type TopologyEvent,
  topologyOf,
  type TopologyService,
} from './choreography/topology.ts'
export { type Changes, refuseUnread, type WorkingSet, workingSet } from './batch/working-set.ts'
export {
  afterFailure,
  type FailureVerdict,
  type RetryPolicy,
  retryPolicyDefault,
  retryPolicyOf,
  type RetrySettings,
} from './declare/retry-policy.ts'
export { pause } from './pause.ts'
export { type RetryVerdict, retryVerdictOf } from './batch/retry-verdict.ts'
export { checkedFields, type FieldCheck, type FieldChecks, fieldIs } from './declare/fields.ts'
export { shown } from './declare/shown.ts'
export {
  type AsideDesk,
  type AsideFilter,
  type AsideList,
  type AsidePage,
  type AsideRecord,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetterState,
  type DeadLetterSummary,
  type DeadLetterWrite,
  type EventFacts,
  type KeyPlace,
  type MendedValue,
  type OperatorAction,
  type OperatorActionFilter,
  operatorDeeds,
  type ParkedKeyWrite,
  type DueKey,
  type DueKeys,
  type ParkedNext,
  type ParkedSum,
  type ParkedTotal,
  type ParkedWork,
  type ParkedWorkLimits,
  type Parking,
  type ParkingLedger,
  type RecalledKey,
  type Redrive,
  redrivenFromHeader,
  type StoredDeadLetter,
  type StoredOperatorAction,
  type StoredParkedKey,
} from './aside/set-aside.ts'
