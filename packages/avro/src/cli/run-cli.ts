import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isTroupeError, messageOf } from '@troupe/core'
import { checkCompatibility, type Conflict } from '../compat/check-compatibility.ts'
import { planGeneration, writeGeneration } from '../generate/generate.ts'

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

    --check        write nothing; exit with 1 if a generated file is not up to date

  troupe-avro compat <schemas-dir> [--base <commit>]

    Compares each schema with every version of it that was ever committed: each must be able to read the
    other's events, because topics keep old events and old services keep running. A schema that is gone is
    refused too.

    --base <commit>  compare only with what stood at this commit, tag or branch and came after it:
                     the way on after a break that was meant

  Exit codes: 0 fine; 1 a schema or a generated file is not as it must be; 2 wrong usage, no git history.`

/** Runs one command line and returns the exit code. */
export async function runCli(args: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean' },
        base: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      output.out(help)
      return 0
    }
    const [command, dir, ...rest] = positionals
    if (command === undefined) return usage(output, 'No command.')
    if (dir === undefined || rest.length > 0) return usage(output, 'Name one folder of schemas.')
    if (command === 'generate' && values.base === undefined) {
      return await generate(dir, values.check ?? false, output)
    }
    if (command === 'compat' && values.check === undefined) return await compat(dir, values.base, output)
    return usage(output, `Cannot do: ${args.join(' ')}`)
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')) {
      return usage(output, messageOf(error))
    }
    if (!isTroupeError(error)) throw error
    output.error(`${error.code}: ${error.message}`)
    return error.code === 'TROUPE_SETTING_INVALID' ? 2 : 1
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

async function compat(dir: string, base: string | undefined, output: Output): Promise<number> {
  const { conflicts, schemaCount, versionCount, notes } = await checkCompatibility(dir, base)
  for (const note of notes) output.error(`Note: ${note}`)
  for (const conflict of conflicts) output.error(describe(conflict))
  if (conflicts.length === 0) {
    output.out(`${dir}: ${schemaCount} schemas agree both ways with ${versionCount} committed versions`)
    return 0
  }
  output.error(
    `${conflicts.length} of these break a contract. If that is meant, commit, and compare from there on: --base <commit>.`,
  )
  return 1
}

function describe({ file, version, problems }: Conflict): string {
  const which = `of ${version.date} (${version.commit.slice(0, 10)})`
  if (problems.length === 0) {
    return `${file} is gone, and events with its version ${which} may still be read. Keep the file, also when nobody emits it any more.`
  }
  const lines = problems.map(
    ({ path, problem }) => `  ${path === '' ? 'the event' : `field ${path}`} ${problem}`,
  )
  return `${file} is not compatible with its version ${which}:\n${lines.join('\n')}`
}
