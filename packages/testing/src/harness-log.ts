import type { Log } from '@troupe/core'
import { messageOf } from '@troupe/core'

/** Keeps what services warned of, for the message of an expectation that was not met. */
export interface HarnessLog extends Log {
  /** The last warnings and errors, oldest first. */
  complaints(): readonly string[]
}

const keptMax = 20

/** @param print where each line goes as well; default nowhere */
export function createHarnessLog(
  print?: (level: string, facts: object, message: string) => void,
): HarnessLog {
  const kept: string[] = []
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (facts: object, message: string) => {
    print?.(level, facts, message)
    if (level !== 'warn' && level !== 'error') return
    const error = 'err' in facts && facts.err !== undefined ? ` (${messageOf(facts.err)})` : ''
    kept.push(`${level}: ${message}${message.includes(error.slice(2, -1)) ? '' : error}`)
    if (kept.length > keptMax) kept.shift()
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    complaints: () => kept,
  }
}
