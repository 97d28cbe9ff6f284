// The transformer for tests on sources: grafts what TROUPE_GRAFTS names, then leaves the rest to swc.
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import swc from '@swc/jest'
import { chosenIn, graftsVariable } from './choose.ts'
import { graftedTexts } from './graft.ts'

type Transformer = ReturnType<typeof swc.createTransformer>

/** What Jest asks of a transformer. @throws Error for a failpoint: Jest's own process must not die */
function createTransformer(options: object): Transformer {
  const { grafts, failpoints } = chosenIn(process.env[graftsVariable] ?? '')
  const [failpoint] = failpoints
  if (failpoint)
    throw new Error(`${failpoint.name} is for processes: tests on sources take planted bugs only.`)
  const texts = graftedTexts(grafts, 'src')
  const { process: compile, ...inner } = swc.createTransformer(options)
  const textOf = (text: string, file: string) => texts.get(pathToFileURL(file).href) ?? text
  if (!compile) throw new Error('@swc/jest compiles in a way that is not known here.')
  return {
    canInstrument: inner.canInstrument ?? false,
    process: (text, file, settings) => compile(textOf(text, file), file, settings),
    getCacheKey(text, file, settings) {
      const own = createHash('sha256').update(textOf(text, file)).digest('hex')
      return `${own}${inner.getCacheKey?.(text, file, settings) ?? ''}`
    },
  }
}

// oxlint-disable-next-line import/no-default-export -- where Jest looks for it
export default { createTransformer }
