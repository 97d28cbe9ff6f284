import { messageOf, type Service } from '@troupe/core'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { createService } from './create-service.ts'
import type { Environment } from './environment.ts'
import type { Routes, RunningService } from './running-service.ts'

export interface RunOptions {
  readonly routes?: Routes
}

/** Added to the grace for closing connections and flushing logs before the process is ended by force. */
const exitGraceMs = 2_000

/**
 * Runs a service as this process: starts it, stops it on SIGTERM and SIGINT (a second one exits at
 * once), and exits with code 1, having said why, if it cannot start or something throws that nobody catches.
 *
 * A process that was started with an IPC channel tells its parent `{ troupe: 'running', http }`.
 */
export async function run(
  service: Service,
  environment: Environment,
  { routes }: RunOptions = {},
): Promise<RunningService> {
  if ('problems' in environment) return refuse(service, environment.problems)
  const { settings } = environment
  const log = pino({
    level: settings.logLevel,
    base: { service: service.name },
    redact: ['*.password', '*.databaseUrl'],
  })
  const running = createService(service, settings, { log, ...(routes ? { routes } : {}) })

  const process_ = closeWithGrace(
    { delay: settings.stopTimeoutMs + exitGraceMs, logger: false },
    async ({ signal, err, manual }) => {
      if (err) log.fatal({ err }, `${service.name} stops: nobody caught ${messageOf(err)}`)
      else log.info({ signal, manual }, `${service.name} is asked to stop`)
      await running.stop()
    },
  )
  if (settings.isStoppedWithParent) stopWithParent(() => process_.close())

  try {
    await running.start()
  } catch (error) {
    if (running.status().state === 'stopping' || running.status().state === 'stopped') return running
    log.fatal({ err: error }, `${service.name} could not start`)
    process_.uninstall()
    await running.stop().catch(() => {})
    return refuse(service, messageOf(error).split('\n'))
  }
  process.send?.({ troupe: 'running', http: running.httpUrl })
  return running
}

/** Says on stderr what is wrong, in plain words, and ends the process. */
function refuse(service: Service, problems: readonly string[]): never {
  process.stderr.write(
    `${service.name} cannot start:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`,
  )
  process.exit(1)
}

function stopWithParent(stop: () => void): void {
  if (process.connected) process.once('disconnect', stop)
}
