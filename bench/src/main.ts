import { Interruption, stopSignals } from '@troupe/cli'
import { isTroupeError, messageOf } from '@troupe/core'
import { helpText, optionsOf } from './options.ts'
import { tableOf } from './report/table.ts'
import { bench } from './run/bench.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const note = (text: string) => void process.stderr.write(`${text}\n`)
  const { signal, dispose } = stopSignals((reason) => note(`${reason}: stopping …`))
  try {
    const { help, json, names, ...options } = optionsOf(process.argv.slice(2))
    if (help) {
      process.stdout.write(`${helpText()}\n`)
      return 0
    }
    const document = await bench(names, { ...options, signal, note })
    process.stdout.write(`${json ? JSON.stringify(document) : tableOf(document)}\n`)
    for (const problem of document.problems) note(problem)
    return document.ok ? 0 : 1
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode
    note(messageOf(error))
    return isTroupeError(error, 'TROUPE_SETTING_INVALID') ? 2 : 1
  } finally {
    dispose()
  }
}
