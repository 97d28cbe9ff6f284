import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Conditions of an `exports` map that `import` goes by. */
const conditions = new Set(['node', 'import', 'module-sync', 'default'])

/** The folder of an installed package, looked for as Node does: upwards from `from`. Undefined if there is none. */
export function packageFolder(name: string, from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', ...name.split('/'))
    if (existsSync(join(found, 'package.json'))) return found
    if (dirname(folder) === folder) return undefined
  }
}

/** The file that `import` of the package in this folder loads, built or not; undefined if it offers none. */
export function entryOf(folder: string): string | undefined {
  const { exports, main } = manifestOf(folder)
  const target = targetOf(mainExport(exports)) ?? (typeof main === 'string' ? main : undefined)
  if (target !== undefined) return join(folder, target)
  const byDefault = join(folder, 'index.js')
  return existsSync(byDefault) ? byDefault : undefined
}

/** The name in the package.json of this folder. */
export function nameOf(folder: string): unknown {
  return manifestOf(folder).name
}

/** True for a name that can only be a package's: neither a path nor something that exists here. */
export function isPackageName(text: string, from: string): boolean {
  if (existsSync(resolve(from, text))) return false
  return /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(text)
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

interface Manifest {
  readonly name?: unknown
  readonly exports?: unknown
  readonly main?: unknown
}

function manifestOf(folder: string): Manifest {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) ?? {}) as Manifest
}

function mainExport(exports: unknown): unknown {
  const isMap = typeof exports === 'object' && exports !== null && '.' in exports
  return isMap ? exports['.'] : exports
}

function targetOf(target: unknown): string | undefined {
  if (typeof target === 'string') return target
  if (Array.isArray(target)) return target.map(targetOf).find((one) => one !== undefined)
  if (typeof target !== 'object' || target === null) return undefined
  for (const [condition, value] of Object.entries(target)) {
    const found = conditions.has(condition) ? targetOf(value) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
