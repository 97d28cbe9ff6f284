import { Command, Option } from 'commander'
import { addDlq } from './admin/dlq-command.ts'
import { addParked } from './admin/parked-command.ts'
import { demo } from './demo/demo.ts'
import { type Address, addressOf, kafkaAddressOf } from './ecosystem/address.ts'
import { graph, type GraphOptions } from './graph/graph.ts'
import { folderName, randomSeed, refusing } from './options.ts'
import { addPlay } from './play/play-command.ts'
import { jsonOption, ordersOption, seedOption } from './playing-options.ts'
import type { Terminal } from './terminal/terminal.ts'

interface DemoFlags {
  readonly once?: true
  readonly json?: true
  readonly verbose?: true
  readonly showPasswords?: true
  readonly kafka?: Address
  readonly registry?: Address
  readonly postgres?: Address
  readonly http?: Address
  readonly orders?: number
  readonly seed?: number
  readonly keep?: string
}

/**
 * The `troupe` command line.
 *
 * @param onExitCode told how a command ended
 */
export function program(terminal: Terminal, onExitCode: (exitCode: number) => void): Command {
  const troupe = new Command('troupe')
    .description(
      'Choreography for TypeScript services on Kafka: watch one run, see who hears what, and mend what failed.',
    )
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText('after', examples)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help says what there is)')
    .exitOverride()
  addDemo(troupe, terminal, onExitCode)
  addPlay(troupe, terminal, onExitCode)
  addGraph(troupe, terminal, onExitCode)
  addDlq(troupe, terminal, onExitCode)
  addParked(troupe, terminal, onExitCode)
  return troupe
}

function addDemo(troupe: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  const address = (name: string, whose: string) =>
    new Option(
      `--${name} <host:port>`,
      `where ${whose} listens (default: a free port on this machine)`,
    ).argParser((text: string) => refusing(() => (name === 'kafka' ? kafkaAddressOf : addressOf)(text)))
  troupe
    .command('demo')
    .summary('run the order story on an embedded Kafka, Schema Registry and PostgreSQL')
    .description(
      'Starts Kafka, a Schema Registry and PostgreSQL (embedded: no Docker) and the four services of the order story, ' +
        "each as its own process. Plays six stories through Order's HTTP API, draws who heard what and who said what, " +
        'checks that money and stock balance, and stays up until Ctrl-C.',
    )
    .option('--once', 'exit after the stories instead of staying up')
    .addOption(jsonOption())
    .addOption(ordersOption())
    .addOption(seedOption())
    .addOption(
      new Option(
        '--keep <dir>',
        'keep all data in this folder; a later start goes on where this one was',
      ).argParser((text: string) => refusing(() => folderName(text))),
    )
    .addOption(address('kafka', 'Kafka'))
    .addOption(address('registry', 'the Schema Registry'))
    .addOption(address('postgres', 'PostgreSQL'))
    .addOption(address('http', "Order's HTTP API"))
    .option('--show-passwords', "print the services' database URLs with their passwords")
    .option('--verbose', "print the services' logs, to stderr")
    .addHelpText('after', demoHelp)
    .action(async (flags: DemoFlags) => {
      const { kafka, registry, postgres, http } = flags
      const addresses = Object.fromEntries(
        Object.entries({ kafka, registry, postgres, http }).filter(([, value]) => value !== undefined),
      )
      onExitCode(
        await demo(
          {
            once: flags.once ?? false,
            json: flags.json ?? false,
            verbose: flags.verbose ?? false,
            showPasswords: flags.showPasswords ?? false,
            addresses,
            orders: flags.orders,
            seed: flags.seed ?? randomSeed(),
            keep: flags.keep,
          },
          terminal,
        ),
      )
    })
}

function addGraph(troupe: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  troupe
    .command('graph')
    .summary('draw who hears what and who says what, and check that failures undo what was done')
    .description(
      'Reads the topology off the services that these packages export and prints it as a Mermaid flowchart. ' +
        'A package is a folder, a package name or a module file; by default, every folder under ./services.',
    )
    .argument('[packages...]', 'package folders, package names or module files')
    .addOption(new Option('--json', 'print the topology, or what --check found, as JSON').conflicts('into'))
    .option('--into <file>', 'put the picture between the markers of this file')
    .option(
      '--check',
      'change nothing; exit 1 if a failure leaves something undone, or if the picture in --into is another one',
    )
    .addHelpText('after', graphHelp)
    .action(async (packages: readonly string[], options: GraphOptions) => {
      onExitCode(await graph(packages, options, terminal))
    })
}

const examples = `
Examples:
  troupe demo                         watch the order story, then place orders yourself
  troupe demo --once --json | jq .ok  the same as a check
  troupe demo --orders 2000 --once    how fast it is here
  troupe graph                        the picture of the services in this workspace
  troupe dlq groups                   what a service could not handle, by what it looks like

Exit codes: 0 all well, 1 something ended otherwise than it should, 2 wrong usage, 130 stopped by Ctrl-C.`

const demoHelp = `
Examples:
  troupe demo
  troupe demo --once                            exit code 0 if every story ended as it should
  troupe demo --once --json | jq '.stories[] | {name, outcome, ok}'
  troupe demo --orders 2000 --seed 7 --once     throughput and latency; the same seed, the same orders
  troupe demo --keep ./data                     stop it, start it again: it goes on where it was
  troupe demo --kafka :9092 --registry :8081    for clients of your own: kcat, a console, another service

Data goes to stdout, everything else to stderr. NO_COLOR and FORCE_COLOR are respected.

Exit codes:
  0    every story, or every order, ended as it should, and the sums balance
  1    one did not (stderr says which), or the demo could not start, or a service died
  2    a wrong option
  130  stopped by Ctrl-C before the stories had ended (143: by SIGTERM)`

const graphHelp = `
Examples:
  troupe graph
  troupe graph ./services/order ./services/payment --json
  troupe graph --into README.md                 between <!-- troupe graph --> and <!-- /troupe graph -->
  troupe graph --check                          for CI: exit 1 if a failure does not undo what was done
  troupe graph --into README.md --check         and if the picture is out of date`
