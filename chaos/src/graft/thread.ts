// The hooks as Node 20 wants them: in a module of their own, run in a thread of its own.
import { load as loadFrom, type SyncLoad } from './loader.ts'

let hook: SyncLoad = loadFrom(new Map())

export function initialize(texts: ReadonlyMap<string, string>): void {
  hook = loadFrom(texts)
}

/** What comes next may be a promise here; it is passed on as it is. */
export const load: SyncLoad = (url, context, next) => hook(url, context, next)
