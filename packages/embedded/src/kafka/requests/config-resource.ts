/** The kinds of things that have settings, as the protocol numbers them. */
export const TOPIC_RESOURCE = 2
export const BROKER_RESOURCE = 4
