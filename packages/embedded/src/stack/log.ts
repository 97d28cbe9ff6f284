/** Where the stack says what happens to it: one sentence at a time, for a person, without secrets. */
export type EmbeddedLog = (level: 'info' | 'warn' | 'error', message: string) => void
