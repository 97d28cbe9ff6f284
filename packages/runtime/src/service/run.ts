import { isTroupeError, type Log, messageOf, sayable, type Service } from '@troupe/core'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { createService } from './create-service.ts'
import type { Environment, Settings } from '../settings/environment.ts'
import { optionsOf, refuseNoEnvironment, refuseNoService } from '../settings/options.ts'
import type { Routes, RunningService } from './running-service.ts'

export interface RunOptions {
  readonly routes?: Routes
  /**
   * Starts what sends spans away, before anything is traced, and stops it last: `tracing` of
   * `@troupe/tracing`, or your own. Not needed where an SDK is registered already.
   */
  readonly tracing?: StartTracing
}

/** Must not fail. Undefined: nothing is sent. */
export type StartTracing = (options: {
  readonly service: string
  readonly log: Log
}) => Promise<{ stop(): Promise<void> } | undefined>

/** Added to the grace for closing connections and flushing logs before the process is ended by force. */
const exitGraceMs = 2_000

/**
 * Runs a service as this process: starts it, stops it on SIGTERM and SIGINT (a second one exits at
 * once), and exits with code 1, having said why, if it cannot start or something throws that nobody catches.
 *
 * Rejects with a TroupeError `TROUPE_DECLARATION_INVALID` for what is no service, and for options that are none.
 *
 * A process that was started with an IPC channel tells its parent `{ troupe: 'running', http, admin }`, its addresses.
 */
export async function run(
  service: Service,
  environment: Environment,
  options: RunOptions = {},
): Promise<RunningService> {
  refuseNoService(service, 'run')
  refuseNoEnvironment(environment)
  const { routes, tracing } = optionsOf(options, 'run', ['routes', 'tracing'])
  if ('problems' in environment) return refuse(service, environment.problems)
  const { settings } = environment
  const log = pino({
    level: settings.logLevel,
    base: { service: service.name },
    serializers: { err: withoutRepetition },
    redact: ['*.password', '*.*.password', '*.databaseUrl', '*.kafkaTls.key'],
  })
  const spans = await tracing?.({ service: service.name, log })
  const running = createOrRefuse(service, settings, { log, ...(routes ? { routes } : {}) })

  let isAskedToStop = false
  const process_ = closeWithGrace(
    {
      delay: settings.stopTimeoutMs + exitGraceMs,
      logger: false,
      onSecondError: (err) => log.fatal({ err }, `nobody caught ${messageOf(err)}, while stopping already`),
      onTimeout: (ms: number) => log.fatal({ ms }, `${service.name} did not stop in time and is ended`),
    },
    async (reason) => {
      isAskedToStop = true
      // Somebody may throw undefined: that it was thrown is what counts.
      const isCrash = 'err' in reason
      if (isCrash)
        log.fatal({ err: reason.err }, `${service.name} stops: nobody caught ${messageOf(reason.err)}`)
      else log.info({ signal: reason.signal }, `${service.name} is asked to stop`)
      await running.stop()
      await spans?.stop()
      if (isCrash) process.exit(1)
    },
  )
  if (settings.isStoppedWithParent) stopWithParent(() => void process_.close())

  try {
    await running.start()
  } catch (error) {
    // The process ends as soon as it has stopped.
    if (isAskedToStop) return running
    // Who reads it wants to know what to do; of a bug, where it is.
    if (isTroupeError(error))
      log.fatal({ code: error.code, details: error.details }, `${service.name} could not start`)
    else log.fatal({ err: error }, `${service.name} could not start`)
    log.debug({ err: error }, 'why it could not start')
    process_.uninstall()
    return refuse(service, messageOf(error).split('\n'))
  }
  process.send?.({ troupe: 'running', http: running.httpUrl, admin: running.adminUrl })
  return running
}

/**
 * As pino has it, but for the message: pino's ends with those of all causes, which stand in the stack too. Pino
 * marks the errors that it has seen, which a frozen one does not take.
 */
export function withoutRepetition(thrown: unknown): unknown {
  const error = sayable(thrown)
  if (!(error instanceof Error)) return error
  const { name: type, message, stack } = error
  try {
    return { ...pino.stdSerializers.err(error), message }
  } catch {
    return { type, message, stack }
  }
}

function createOrRefuse(
  service: Service,
  settings: Settings,
  options: { readonly log: Log; readonly routes?: Routes },
): RunningService {
  try {
    return createService(service, settings, options)
  } catch (error) {
    return refuse(service, [messageOf(error)])
  }
}

/** Says on stderr what is wrong, in plain words, and ends the process. */
function refuse(service: Service, problems: readonly string[]): never {
  process.stderr.write(
    `${service.name} cannot start:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`,
  )
  process.exit(1)
}

/** A parent may be gone before anybody listens. */
function stopWithParent(stop: () => void): void {
  if (process.connected) process.once('disconnect', stop)
  else if (process.send) stop()
}
