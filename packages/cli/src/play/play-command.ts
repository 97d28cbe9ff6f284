import { TroupeError } from '@troupe/core'
import { type Command, Option } from 'commander'
import { randomSeed, refusing, urlOf } from '../options.ts'
import { jsonOption, ordersOption, seedOption } from '../playing-options.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { play } from './play.ts'

interface PlayFlags {
  readonly kafka: readonly string[]
  readonly registry: string
  readonly namespace?: string
  readonly order: string
  readonly payment: string
  readonly inventory: string
  readonly shipping: string
  readonly gateway: string
  readonly json?: true
  readonly orders?: number
  readonly seed?: number
}

/** Adds `troupe play` to the command line. */
export function addPlay(troupe: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  const command = troupe
    .command('play')
    .summary("play the demo's stories against services that run elsewhere")
    .description(
      "Plays the demo's stories through Order's HTTP API against services that somebody else runs, such as " +
        '`docker compose`, and checks by the events on Kafka and by what the services answer that each ended ' +
        'as it should, and that money and stock balance. Nobody else may place orders meanwhile.',
    )
    .addOption(
      new Option('--kafka <host:port>', 'a broker, or several with commas between them')
        .env('KAFKA_BROKERS')
        .argParser((text: string) => refusing(() => brokersOf(text)))
        .makeOptionMandatory(),
    )
    .addOption(urlOption('registry', 'the Schema Registry', 'SCHEMA_REGISTRY_URL'))
    .addOption(
      new Option('--namespace <name>', 'what the services were given as TROUPE_NAMESPACE')
        .env('TROUPE_NAMESPACE')
        .argParser((text: string) => refusing(() => namespaceOf(text))),
    )
  for (const service of ['order', 'payment', 'inventory', 'shipping']) {
    command.addOption(urlOption(service, `the service ${service}`, `${service.toUpperCase()}_URL`))
  }
  command
    .addOption(urlOption('gateway', "payment's gateway", 'GATEWAY_URL'))
    .addOption(jsonOption())
    .addOption(ordersOption())
    .addOption(seedOption())
    .addHelpText('after', playHelp)
    .action(
      async ({
        kafka,
        registry,
        namespace,
        order,
        payment,
        inventory,
        shipping,
        gateway,
        ...flags
      }: PlayFlags) => {
        const urls = { order, payment, inventory, shipping, gateway }
        const { json = false, orders, seed = randomSeed() } = flags
        // Of a variable that is empty commander makes an empty text, whatever the parser gives.
        const within = namespace || undefined
        onExitCode(await play({ kafka, registry, namespace: within, urls, json, orders, seed }, terminal))
      },
    )
}

function urlOption(name: string, whose: string, variable: string): Option {
  return new Option(`--${name} <url>`, `where ${whose} is`)
    .env(variable)
    .argParser((text: string) => refusing(() => urlOf(text, 'http://127.0.0.1:8080')))
    .makeOptionMandatory()
}

/** An empty variable counts as none, as it does for services. */
function namespaceOf(text: string): string {
  if (text === '' || /^[a-z][a-z0-9-]{0,31}$/.test(text)) return text
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `"${text}" is not up to 32 lower-case letters, digits and dashes, starting with a letter.`,
  )
}

function brokersOf(text: string): readonly string[] {
  const brokers = text.split(',').map((one) => one.trim())
  const wrong = brokers.find((one) => !/^[^\s:/]+:\d{1,5}$/.test(one))
  if (wrong === undefined) return brokers
  throw new TroupeError('TROUPE_SETTING_INVALID', `"${wrong}" is not host:port, such as 127.0.0.1:9092.`)
}

const playHelp = `
Examples:
  docker compose --profile play run --rm play
  docker compose --profile play run --rm play --orders 500 --seed 7
  troupe play --kafka 127.0.0.1:9092 --registry http://127.0.0.1:8081/apis/ccompat/v7 \\
    --order http://127.0.0.1:8080 --payment http://127.0.0.1:8082 \\
    --inventory http://127.0.0.1:8083 --shipping http://127.0.0.1:8084 \\
    --gateway http://127.0.0.1:8090

Exit codes:
  0    every story, or every order, ended as it should, and the sums balance
  1    one did not (stderr says which), or something cannot be reached
  2    a wrong option, or one that is missing
  130  stopped by Ctrl-C before the end (143: by SIGTERM)`
