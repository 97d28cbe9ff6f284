// What a service is started with, beside its settings: wrong options are refused by name, as declarations are.

import {
  fieldsOf,
  functionIfAny,
  isService,
  refuseDeclaration,
  refuseUnknownFields,
  refuseValue,
  shown,
} from '@troupe/core'

/** Refuses what `service` did not make. `by` names the function that was called. */
export function refuseNoService(service: unknown, by: string): void {
  if (isService(service)) return
  refuseDeclaration(`\`${by}\` is given ${shown(service)} as its service. Give it what \`service\` made.`)
}

/** Refuses what `environment` did not return: often it is `environment` itself, not called. */
export function refuseNoEnvironment(environment: unknown): void {
  const isOne = typeof environment === 'object' && environment !== null
  if (isOne && ('settings' in environment || 'problems' in environment)) return
  refuseDeclaration(
    `\`run\` is given ${shown(environment)} as its environment. Give it what \`environment()\` returns.`,
  )
}

/** The options as a copy: functions or nothing, and a log if that is among their names. */
export function optionsOf<Options extends object>(
  given: Options,
  by: string,
  names: readonly (keyof Options & string)[],
): Options {
  const options = fieldsOf(
    given,
    `The last argument of \`${by}\``,
    `Use an object of ${names.join(' and ')}.`,
  )
  const whose = `\`${by}\``
  refuseUnknownFields(options, names, whose)
  for (const name of names) {
    if (name === 'log') refuseNoLog(options[name], whose)
    else functionIfAny(options[name], name, whose)
  }
  return options
}

const levels = ['debug', 'info', 'warn', 'error']

function refuseNoLog(log: unknown, whose: string): void {
  const held = log as Readonly<Record<string, unknown>> | null | undefined
  const lacking = levels.find((level) => typeof held?.[level] !== 'function')
  if (lacking === undefined) return
  refuseValue(log, 'log', whose, `Give it a log that has ${levels.join(', ')}, such as pino's.`)
}
