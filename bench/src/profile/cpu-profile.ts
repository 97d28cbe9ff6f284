import type { Profiler } from 'node:inspector'

/** Where a process spent its time awake, as shares of it. */
export interface CpuUse {
  /** By what the time was for. */
  readonly byPurpose: Readonly<Record<string, number>>
  /** The functions that took most by themselves, the most expensive first. */
  readonly top: readonly { readonly name: string; readonly share: number }[]
}

/**
 * What files of Troupe and of its libraries are for. A sample belongs to the first of these that is found
 * from the innermost function outwards: a codec that is called by a reaction's emit counts as react.
 */
const purposes: readonly (readonly [purpose: string, file: RegExp])[] = [
  ['receive', /\/kafkajs\/src\/consumer\/|\/requests\/fetch\/|\/kafka\/dist\/receive\//],
  ['decode', /\/runtime\/dist\/batch\/decode\.js/],
  ['recall', /\/postgres\/dist\/statements\/recall\.js|\/core\/dist\/batch\/delivery\.js/],
  [
    'react',
    /\/runtime\/dist\/(batch\/decide|calls\/perform)\.js|\/core\/dist\/batch\/(react|handling|working-set)\.js|\/services\//,
  ],
  ['settle', /\/runtime\/dist\/batch\/settle\.js|\/postgres\/dist\/(settle|statements\/)/],
  ['relay', /\/kafkajs\/src\/producer\/|\/requests\/produce\/|\/kafka\/dist\/relay\//],
  ['database wire', /\/pg(-protocol|-pool)?\/|\/postgres\/dist\//],
  ['kafka wire', /\/kafkajs\//],
]

const topCount = 12

/**
 * Sums a profile up. Samples are counted, whatever time lies between them: a process that is stopped is not
 * sampled.
 */
export function cpuUseOf({ nodes, samples = [] }: Profiler.Profile): CpuUse {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const counts = new Map<number, number>()
  for (const id of samples) counts.set(id, (counts.get(id) ?? 0) + 1)
  const isIdle = (id: number) => byId.get(id)?.callFrame.functionName === '(idle)'
  const awake = samples.reduce((sum, id) => sum + (isIdle(id) ? 0 : 1), 0)

  const byPurpose: Record<string, number> = {}
  const byFunction = new Map<string, number>()
  for (const [id, count] of counts) {
    const frame = byId.get(id)?.callFrame
    if (!frame || isIdle(id)) continue
    const purpose = purposeOf(id, byId, parents)
    byPurpose[purpose] = (byPurpose[purpose] ?? 0) + count / awake
    const file = frame.url.split('/').slice(-3).join('/')
    const name =
      `${frame.functionName || '(anonymous)'} ${file}${file ? `:${frame.lineNumber + 1}` : ''}`.trim()
    byFunction.set(name, (byFunction.get(name) ?? 0) + count / awake)
  }
  const top = [...byFunction]
    .map(([name, share]) => ({ name, share }))
    .sort((one, other) => other.share - one.share)
    .slice(0, topCount)
  return { byPurpose, top }
}

function purposeOf(
  id: number,
  byId: ReadonlyMap<number, Profiler.ProfileNode>,
  parents: ReadonlyMap<number, number>,
): string {
  if (byId.get(id)?.callFrame.functionName === '(garbage collector)') return 'garbage collection'
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const url = byId.get(at)?.callFrame.url ?? ''
    const found = purposes.find(([, file]) => file.test(url))
    if (found) return found[0]
  }
  return 'everything else'
}

/** Every purpose, in the order of an event's way. */
export const purposeNames: readonly string[] = [
  ...purposes.map(([purpose]) => purpose),
  'garbage collection',
  'everything else',
]
