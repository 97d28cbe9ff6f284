// Which stack a harness runs on. Tests do not say: the same ones run on each of them, so this is the one
// place outside of a `main.ts` that reads environment variables.

import { TroupeError } from '@troupe/core'
import { startStack } from '@troupe/embedded'
import { secureSettings } from '@troupe/runtime'
import { connectStack, type StackAddresses } from './connect-stack.ts'
import type { Stack, StackName } from './stack.ts'

/** A stack for one harness. */
export interface ChosenStack {
  readonly stack: Stack
  /** True if others use it too: then names have to be kept apart, and what was made there is to be removed. */
  readonly isShared: boolean
  /** Ends what was started for this harness. */
  release(): Promise<void>
}

type Variables = Readonly<Record<string, string | undefined>>

const names: readonly StackName[] = ['embedded', 'testcontainers', 'external']

/**
 * Starts or connects the stack that is asked for; by default the one that `TROUPE_STACK` names, and the
 * embedded one if it names none.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` for a name or an address that is none; what the stack's own start throws
 */
export async function chooseStack(
  asked: StackName | Stack | undefined,
  variables: Variables = process.env,
): Promise<ChosenStack> {
  if (typeof asked === 'object') return { stack: asked, isShared: true, release: async () => {} }
  const name = asked ?? chosenName(variables)
  switch (name) {
    case 'embedded':
      return ownedBy(await startStack({ postgres: { fsync: false } }))
    case 'testcontainers': {
      // Loaded only here: who tests on the embedded stack alone has not installed it.
      const { startRealStack } = await import('../testcontainers/start-real-stack.ts')
      return ownedBy(await startRealStack())
    }
    case 'external': {
      const stack = await connectStack(addressesIn(variables))
      return { stack, isShared: true, release: () => stack.stop() }
    }
    default:
      refuse(`"${String(name satisfies never)}" is no stack. Take one of ${names.join(', ')}.`)
  }
}

function ownedBy(stack: Stack): ChosenStack {
  return { stack, isShared: false, release: () => stack.stop() }
}

/** What `TROUPE_STACK` says. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function chosenName({ TROUPE_STACK: name }: Variables = process.env): StackName {
  if (name === undefined || name === '') return 'embedded'
  const known = names.find((one) => one === name)
  return known ?? refuse(`TROUPE_STACK: "${name}" is no stack. Take one of ${names.join(', ')}.`)
}

/** The variables that say where the external stack is. */
export const addressVariables = {
  kafka: 'TROUPE_EXTERNAL_KAFKA',
  registry: 'TROUPE_EXTERNAL_REGISTRY',
  postgres: 'TROUPE_EXTERNAL_POSTGRES',
} as const

const examples = {
  kafka: '127.0.0.1:9092',
  registry: 'http://127.0.0.1:8081',
  postgres: 'postgres://postgres:secret@127.0.0.1:5432/postgres',
}

function addressesIn(variables: Variables): StackAddresses {
  const problems: string[] = []
  const read = (part: keyof typeof addressVariables, isFine: (text: string) => boolean): string => {
    const variable = addressVariables[part]
    const text = variables[variable] ?? ''
    if (text === '')
      problems.push(`${variable} is missing. Set it, for example: ${variable}=${examples[part]}`)
    // Never repeats what may hold a password.
    else if (!isFine(text)) problems.push(`${variable} is no address. Give it like ${examples[part]}`)
    return text
  }
  const addresses = {
    kafka: read('kafka', (text) => text.split(',').every((one) => /^[^\s:/]+:\d{1,5}$/.test(one.trim()))),
    registry: read('registry', (text) => hasProtocol(text, ['http:', 'https:'])),
    postgres: read('postgres', (text) => hasProtocol(text, ['postgres:', 'postgresql:'])),
  }
  const { kafkaTls, kafkaSasl } = kafkaSecrets(variables, problems)
  if (problems.length > 0) refuse(`The external stack is not known: ${problems.join('; ')}`)
  return { ...addresses, kafkaTls, kafkaSasl }
}

const secretVariable = /^TROUPE_EXTERNAL_(KAFKA_(?:TLS|SASL)\w*)$/

/** TLS and credentials, under the names that services know them by, after `TROUPE_EXTERNAL_`. */
function kafkaSecrets(variables: Variables, problems: string[]) {
  const given = Object.entries(variables).flatMap(([name, value]) => {
    const own = secretVariable.exec(name)?.[1]
    return own === undefined || value === undefined || value === '' ? [] : [[own, value] as const]
  })
  const secure = secureSettings(Object.fromEntries(given))
  for (const problem of secure.problems)
    problems.push(problem.replace(/\bKAFKA_(?:TLS|SASL)/g, (name) => `TROUPE_EXTERNAL_${name}`))
  return secure.settings
}

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol)
}

function refuse(message: string): never {
  throw new TroupeError('TROUPE_SETTING_INVALID', message)
}
