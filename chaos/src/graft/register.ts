// For `node --import`: grafts what TROUPE_GRAFTS names onto the compiled modules of this process.
import module from 'node:module'
import { arm } from './failpoints.ts'
import { chosenIn, graftsVariable } from './choose.ts'
import { graftedTexts } from './graft.ts'
import { load, type SyncLoad } from './loader.ts'

/** In Node from 22.15 on; not yet in the types of the oldest Node that Troupe runs on. */
interface SyncHooks {
  readonly registerHooks?: (hooks: { readonly load: SyncLoad }) => void
}

const chosen = process.env[graftsVariable] ?? ''
const { grafts, failpoints } = chosenIn(chosen)
if (grafts.length > 0) {
  const texts = graftedTexts(grafts, 'dist')
  arm(failpoints)
  const { registerHooks } = module as SyncHooks
  if (registerHooks) registerHooks({ load: load(texts) })
  else module.register('./thread.js', import.meta.url, { data: texts })
  process.stderr.write(`${graftsVariable}: ${chosen}\n`)
}
