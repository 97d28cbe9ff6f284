import type { EcosystemOptions, EcosystemTimings } from '../ecosystem/ecosystem.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { DemoOptions } from './demo-options.ts'

/** What is said on stderr while the ecosystem starts. */
export interface StartNotes {
  begin(): void
  ready(timings: EcosystemTimings): void
  readonly listeners: Pick<EcosystemOptions, 'onLine' | 'onStackLine' | 'onProgress'>
}

export function startNotes({ keep, verbose }: DemoOptions, terminal: Terminal): StartNotes {
  const { noteColors: colors } = terminal
  let begunAtMs = 0
  return {
    begin() {
      begunAtMs = performance.now()
      terminal.note(
        `Starting Kafka, a Schema Registry, PostgreSQL and four services, ${keep === undefined ? 'keeping nothing' : `keeping everything in ${keep}`} …`,
      )
    },
    ready({ stackMs, serviceMs }) {
      const totalMs = Math.round(performance.now() - begunAtMs)
      const slowest = Math.max(...Object.values(serviceMs))
      terminal.note(colors.dim(`Up after ${totalMs} ms (stack ${stackMs} ms, services ${slowest} ms).`))
    },
    listeners: {
      onStackLine(level, message) {
        if (verbose || level !== 'info') terminal.note(`${colors.dim('stack')} ${level} ${message}`)
      },
      ...(verbose
        ? {
            onLine: ({ service, level, text }) =>
              terminal.note(
                `${colors.dim(service.padEnd(9))} ${level === 'info' || level === 'debug' ? level : colors.red(level)} ${text}`,
              ),
          }
        : {}),
    },
  }
}
