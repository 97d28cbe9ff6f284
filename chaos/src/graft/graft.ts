// Edits a module's text while it is loaded, so that what is published holds no switch and no failpoint.
//
// Invariants
// 1. An edit whose anchor is not found exactly once is an error, never a module that is what it was.
// 2. One graft fits the sources and the compiled files: an anchor holds no types, and where it says a space
//    there may be any white space, a semicolon before it included. So nobody keeps two copies of a graft.
// 3. No line moves: what is put in comes without a line break, and stack traces stay true.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One edit of one module: beside the anchor, or in its place. The text is JavaScript, on one line. */
export type Edit = { readonly module: string; readonly anchor: string } & (
  | { readonly before: string }
  | { readonly after: string }
  | { readonly replace: string }
)

export interface Graft {
  readonly name: string
  readonly edits: readonly Edit[]
}

/** Where a module is: `runtime/batch/settle` as its source, or compiled. */
export type Form = 'src' | 'dist'

const folders = ['packages', 'services'].map((folder) => new URL(`../../../${folder}/`, import.meta.url))

/** @param module room or service and file, such as `runtime/batch/settle` or `postgres/statements/move-position` */
export function moduleUrl(module: string, form: Form): URL {
  const [room = '', ...rest] = module.split('/')
  const path = `${room}/${form}/${rest.join('/')}.${form === 'src' ? 'ts' : 'js'}`
  const url = folders.map((folder) => new URL(path, folder)).find((one) => existsSync(one))
  if (!url) throw new Error(`There is no module ${module} in ${form}. Name it ROOM/FILE, and build first.`)
  return url
}

/**
 * The texts of all modules that the grafts edit, by the file's address.
 *
 * @throws Error if an anchor is not found exactly once, or a module is not there
 */
export function graftedTexts(grafts: readonly Graft[], form: Form): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const { name, edits } of grafts) {
    for (const edit of edits) {
      const url = moduleUrl(edit.module, form)
      const text = texts.get(url.href) ?? readFileSync(fileURLToPath(url), 'utf8')
      texts.set(url.href, edited(text, edit, name))
    }
  }
  return texts
}

/** @throws Error if the anchor is not found exactly once */
export function edited(text: string, edit: Edit, name: string): string {
  const { module, anchor } = edit
  const found = [...text.matchAll(patternOf(anchor))]
  const [match] = found
  if (!match || found.length > 1) {
    throw new Error(
      `The graft ${name} looks for ${JSON.stringify(anchor)} in ${module}, and finds it ${found.length} times. Give it an anchor that is there exactly once.`,
    )
  }
  const [there] = match
  const lines = there.split('\n').length - 1
  const put =
    'before' in edit
      ? `${edit.before} ${there}`
      : 'after' in edit
        ? `${there}${edit.after}`
        : edit.replace + '\n'.repeat(lines)
  return text.slice(0, match.index) + put + text.slice(match.index + there.length)
}

function patternOf(anchor: string): RegExp {
  const words = anchor.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(words.join(';?\\s+'), 'g')
}
