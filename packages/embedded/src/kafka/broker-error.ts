/** Everything that can go wrong in the hands of whoever runs a broker. The list is closed. */
export type BrokerErrorCode =
  | 'BROKER_OPTION_INVALID'
  | 'BROKER_ADDRESS_TAKEN'
  | 'BROKER_LISTEN_FAILED'
  | 'BROKER_FOLDER_UNUSABLE'
  | 'BROKER_FOLDER_IN_USE'
  | 'BROKER_FOLDER_DAMAGED'
  | 'BROKER_TOPIC_UNKNOWN'
  | 'BROKER_TOPIC_INVALID'
  | 'BROKER_GROUP_ACTIVE'

/** An error of the embedded broker; `message` says what happened, to what, and what to do next. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode

  constructor(code: BrokerErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.code = code
  }
}
