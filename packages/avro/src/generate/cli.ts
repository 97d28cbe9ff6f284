import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isTroupeError, messageOf } from '@troupe/core'
import { planGeneration, writeGeneration } from './generate.ts'

/** Where a command prints. One call, one line or more, no newline at the end. */
export interface Output {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

const help = `troupe-avro: TypeScript and compatibility for Avro schemas

  troupe-avro generate <schemas-dir> [--check]

    Reads <schemas-dir>/<owner>/<EventName>.avsc and writes
      <schemas-dir>/src/generated/<owner>.ts   interfaces and event constructors
      <schemas-dir>/src/index.ts               every public name

    --check   write nothing; exit with 1 if a generated file is not up to date

  Exit codes: 0 fine, 1 a schema or a generated file is not as it must be, 2 wrong usage.`

/** Runs one command line and returns the exit code. */
export async function runCli(args: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      output.out(help)
      return 0
    }
    const [command, dir, ...rest] = positionals
    if (command !== 'generate' || dir === undefined || rest.length > 0) {
      return usage(output, command === undefined ? 'No command.' : `Cannot do: ${positionals.join(' ')}`)
    }
    return await generate(dir, values.check, output)
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')) {
      return usage(output, messageOf(error))
    }
    if (!isTroupeError(error)) throw error
    output.error(`${error.code}: ${error.message}`)
    return 1
  }
}

function usage(output: Output, problem: string): number {
  output.error(`${problem}\n\n${help}`)
  return 2
}

async function generate(dir: string, isCheck: boolean, output: Output): Promise<number> {
  const generated = await planGeneration(dir)
  if (!isCheck) await writeGeneration(dir, generated)
  for (const { path, state } of generated.drift) {
    const file = join(dir, path)
    if (isCheck) output.error(`${file} is ${state === 'different' ? 'not up to date' : state}`)
    else output.out(`${state === 'left over' ? 'removed' : 'wrote'} ${file}`)
  }
  if (!isCheck || generated.drift.length === 0) {
    if (generated.drift.length === 0) output.out(`${dir}: everything generated is up to date`)
    return 0
  }
  output.error(`Run \`troupe-avro generate ${dir}\`, and commit what it writes.`)
  return 1
}
