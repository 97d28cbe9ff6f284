import { isService, isTroupeError, messageOf, type Service, TroupeError } from '@troupe/core'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { entryOf, isFolder, isPackageName, nameOf, packageFolder } from './package-entry.ts'

/**
 * The services that these packages export.
 *
 * @param named package folders, package names or module files; if there are none, every folder with a
 *   package.json under `services` of the workspace that `from` lies in
 * @returns the services, and a sentence about each default folder that has none
 * @throws TroupeError `TROUPE_SERVICE_NOT_FOUND` if one cannot be loaded, exports no service, or if two
 *   different services have one name
 */
export async function loadServices(
  named: readonly string[],
  from: string,
): Promise<{ readonly services: readonly Service[]; readonly remarks: readonly string[] }> {
  const services: Service[] = []
  const remarks: string[] = []
  for (const source of named.length > 0 ? named : defaultFolders(from)) {
    const file = moduleOf(source, from)
    const found = file === undefined ? [] : servicesIn(await load(file, source))
    if (found.length > 0) services.push(...found)
    else if (named.length > 0) {
      notFound(`${source} exports no service. Export what \`service({ … })\` returns.`)
    } else if (file !== undefined) remarks.push(`${source} exports no service and is left out.`)
  }
  const distinct = [...new Set(services)]
  if (distinct.length === 0) notFound('None of the packages exports a service.')
  refuseNamesakes(distinct)
  return { services: distinct, remarks }
}

/** The nearest folder at or above this one that is a pnpm workspace's root; this one if none is. */
export function workspaceOf(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'pnpm-workspace.yaml'))) return folder
    if (dirname(folder) === folder) return resolve(from)
  }
}

function defaultFolders(from: string): readonly string[] {
  const folders = serviceFolders(from)
  if (folders.length > 0) return folders.map((folder) => relative(from, folder) || '.')
  const root = join(workspaceOf(from), 'services')
  notFound(
    `There are no packages under ${root}. Run this in a workspace with a services folder, or name packages: troupe graph ./my-service`,
  )
}

/** The packages under `services` of the workspace. */
function serviceFolders(from: string): readonly string[] {
  const root = join(workspaceOf(from), 'services')
  if (!isFolder(root)) return []
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
}

/** The module file that a folder, a package name or a file stands for; undefined if a package has none. */
function moduleOf(source: string, from: string): string | undefined {
  try {
    if (isPackageName(source, from)) return entryOf(folderOfPackage(source, from))
    const path = resolve(from, source)
    if (!existsSync(path)) notFound(`There is no ${source} in ${from}.`)
    if (!isFolder(path)) return path
    if (existsSync(join(path, 'package.json'))) return entryOf(path)
  } catch (cause) {
    if (isTroupeError(cause)) throw cause
    notFound(`The package.json of ${source} cannot be read: ${messageOf(cause)}`, cause)
  }
  notFound(`${source} has no package.json. Name a package's folder, a package or a module file.`)
}

/** Where a package lives: installed, or a service of this workspace. */
function folderOfPackage(name: string, from: string): string {
  const folder = packageFolder(name, from) ?? serviceFolders(from).find((one) => nameOf(one) === name)
  if (folder !== undefined) return folder
  notFound(
    `${name} is neither a file or folder here, nor an installed package, nor a service of this workspace. Install it, or give a path.`,
  )
}

async function load(file: string, source: string): Promise<object> {
  if (!existsSync(file)) {
    notFound(`${source} is not built: ${file} does not exist. Build it first, for example with: pnpm build`)
  }
  if (/\.[cm]?tsx?$/.test(file)) {
    notFound(
      `${source} is TypeScript, which Node cannot load everywhere. Name its compiled module or its package.`,
    )
  }
  try {
    return (await import(pathToFileURL(file).href)) as object
  } catch (cause) {
    notFound(`${source} could not be loaded: ${messageOf(cause)}`, cause)
  }
}

function servicesIn(module: object): readonly Service[] {
  return Object.values(module).filter(isService)
}

function refuseNamesakes(services: readonly Service[]): void {
  const names = services.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) {
    notFound(`Two different services are named ${twice}. Name only packages of one choreography.`)
  }
}

function notFound(message: string, cause?: unknown): never {
  throw new TroupeError('TROUPE_SERVICE_NOT_FOUND', message, cause === undefined ? {} : { cause })
}
