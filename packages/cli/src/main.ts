import { isTroupeError, messageOf } from '@troupe/core'
import { CommanderError } from 'commander'
import { program } from './program.ts'
import { endWithReader } from './terminal/lost-reader.ts'
import { leaveOnceSaid } from './terminal/leave-once-said.ts'
import { terminalOn } from './terminal/terminal.ts'

const usageError = 2
const terminal = terminalOn()
endWithReader(process, (code) => process.exit(code))

leaveOnceSaid(await run(), process, (code) => process.exit(code))

async function run(): Promise<number> {
  let exitCode = 0
  try {
    const troupe = program(terminal, (code) => {
      exitCode = code
    })
    await troupe.parseAsync()
    return exitCode
  } catch (error) {
    // Commander has said what is wrong, or has printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError
    terminal.note(terminal.noteColors.red(messageOf(error)))
    return isTroupeError(error, 'TROUPE_SETTING_INVALID') ? usageError : 1
  }
}
