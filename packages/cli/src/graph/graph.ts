import { checkChoreography, type ChoreographyReport, topologyOf, TroupeError } from '@troupe/core'
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Terminal } from '../terminal/terminal.ts'
import { flawLines, undoneTable } from './choreography-table.ts'
import { loadServices } from './load-services.ts'
import { mermaidOf } from './mermaid.ts'
import { withPicture } from './rewrite.ts'

export interface GraphOptions {
  readonly json?: boolean
  readonly into?: string
  readonly check?: boolean
}

/**
 * Prints the topology of some services, keeps a file's picture of it up to date, or checks that whatever
 * fails, everything is undone.
 *
 * @returns the exit code: 1 if `--check` found a flaw, or that the file's picture is another one
 */
export async function graph(
  packages: readonly string[],
  options: GraphOptions,
  terminal: Terminal,
  from = process.cwd(),
): Promise<number> {
  const { services, remarks } = await loadServices(packages, from)
  for (const remark of remarks) terminal.note(remark)
  const topology = topologyOf(services)
  const isSound = !options.check || saySoundness(checkChoreography(services), options, terminal)
  if (options.into === undefined) {
    if (options.check) return isSound ? 0 : 1
    terminal.print(options.json ? JSON.stringify(topology, null, 2) : mermaidOf(topology).trimEnd())
    return 0
  }
  const path = resolve(from, options.into)
  const before = await readText(path, options.into)
  const after = withPicture(before, mermaidOf(topology), options.into)
  if (after === before) {
    terminal.note(`${options.into} is up to date.`)
    return isSound ? 0 : 1
  }
  if (options.check) {
    terminal.note(
      `The picture in ${options.into} is not what the services say. Run: ${['troupe graph', ...packages, '--into', options.into].join(' ')}`,
    )
    return 1
  }
  await writeFile(path, after)
  terminal.note(`The picture in ${options.into} was rewritten.`)
  return 0
}

/** Prints what was found, and returns whether it is without a flaw. */
function saySoundness(
  report: ChoreographyReport,
  { json = false }: GraphOptions,
  terminal: Terminal,
): boolean {
  if (json) terminal.print(JSON.stringify(report, null, 2))
  else terminal.print(undoneTable(report, terminal.colors))
  for (const line of flawLines(report)) terminal.note(line)
  return report.flaws.length === 0
}

async function readText(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `${name}, which --into names, cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
}
