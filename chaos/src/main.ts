import { Interruption, stopSignals } from '@troupe/cli'
import { isTroupeError, messageOf } from '@troupe/core'
import { chaos } from './run/chaos.ts'
import { helpText, optionsOf } from './run/options.ts'
import { tableOf } from './run/report.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const note = (text: string) => void process.stderr.write(`${text}\n`)
  const { signal, dispose } = stopSignals((reason) => note(`${reason}: stopping …`))
  try {
    const options = optionsOf(process.argv.slice(2))
    if (options.help) {
      process.stdout.write(`${helpText()}\n`)
      return 0
    }
    const report = await chaos(options, { signal, note })
    process.stdout.write(`${options.json ? JSON.stringify(report) : tableOf(report)}\n`)
    for (const problem of report.problems) note(problem)
    if (report.folder !== undefined) note(`Logs and data: ${report.folder}`)
    note(
      report.ok
        ? 'All that must hold holds.'
        : `Not everything holds. To do the same again: ${report.replay}`,
    )
    return report.ok ? 0 : 1
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Interruption) return signal.reason.exitCode
    note(messageOf(error))
    return isTroupeError(error, 'TROUPE_SETTING_INVALID') ? 2 : 1
  } finally {
    dispose()
  }
}
