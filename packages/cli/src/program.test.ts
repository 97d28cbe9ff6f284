import { describe, expect, it } from '@jest/globals'
import { CommanderError } from 'commander'
import { program } from './program.ts'
import { terminalOn } from './terminal/terminal.ts'

/** What a wrong command line is answered with. */
async function refusalOf(...args: readonly string[]): Promise<string> {
  let said = ''
  const quiet = terminalOn({ write: () => true }, { write: () => true }, {})
  const troupe = program(quiet, () => {})
  for (const command of [troupe, ...troupe.commands]) {
    command
      .exitOverride()
      .configureOutput({ writeErr: (text) => (said += text), writeOut: (text) => (said += text) })
  }
  try {
    await troupe.parseAsync(args, { from: 'user' })
  } catch (error) {
    return error instanceof CommanderError ? said : (error as Error).message
  }
  return 'accepted'
}

describe('the command line', () => {
  it.each([
    [['demo', '--orders', '0'], /--orders <count>.*"0" is not a whole number from 1 to 100000/],
    [['demo', '--orders', 'many'], /"many" is not a whole number/],
    [['demo', '--seed', '-1'], /--seed.*"-1" is not a whole number/],
    [['demo', '--kafka', 'nowhere'], /--kafka <host:port>.*"nowhere" is not host:port/],
    [['demo', '--kafka', '[::1]:0'], /--kafka <host:port>.*bare IPv6 address/],
    [['demo', '--keep', ''], /--keep <dir>.*No folder was named/],
    [['demo', '--http', '1.2.3.4:99999'], /--http <host:port>.*is not host:port/],
    [['demo', '--ordres', '3'], /unknown option '--ordres'\n\(Did you mean --orders\?\)/],
    [['demo', 'extra'], /too many arguments/],
    [['deom'], /unknown command 'deom'\n\(Did you mean demo\?\)/],
    [['play', '--registry', 'http://r'], /required option '--kafka <host:port>' not specified/],
    [['play', '--kafka', 'a:1,nowhere'], /--kafka <host:port>.*"nowhere" is not host:port/],
    [['play', '--payment', 'payment:8080'], /--payment <url>.*not a URL, such as http:/],
    [['graph', '--json', '--into', 'README.md'], /cannot be used with option/],
  ])('refuses %j and says why', async (args, message) => {
    expect(await refusalOf(...args)).toMatch(message)
  })

  it('says in its help what the exit codes mean', async () => {
    const help = await refusalOf('demo', '--help')
    expect(help).toMatch(/Exit codes:\n {2}0 /)
    expect(help).toContain('--once --json | jq')
  })
})
