import { durationOf, type Topology, type TopologyEvent } from '@troupe/core'

/**
 * A choreography as a Mermaid flowchart: a box per service, an arrow per event from who says it to who
 * hears it, rounded boxes for the commands where sagas begin and the events that nobody hears, where
 * they end. Dashed arrows are the way back: events that an undo says or hears. An event that a deadline says
 * has the time in its label, after which it is said where nobody answered.
 *
 * Boxes and arrows stand in the order in which a saga meets them, so that the layout follows the story
 * and a change of one reaction changes few lines.
 */
export function mermaidOf(topology: Topology): string {
  const services = inStoryOrder(topology)
  const back = wayBack(topology)
  const lines = ['flowchart LR']
  for (const { name, commands } of services) {
    for (const command of commands) lines.push(`  ${nodeId(`do ${command.name}`)}([${command.name}])`)
    lines.push(`  ${nodeId(name)}[${name}]`)
    for (const command of commands) lines.push(`  ${nodeId(`do ${command.name}`)} ==> ${nodeId(name)}`)
  }
  const known = new Set(services.map(({ name }) => name))
  const ends: string[] = []
  const outsiders = new Set<string>()
  for (const event of inSayingOrder(
    topology,
    services.map(({ name }) => name),
  )) {
    const from = event.saidBy.length > 0 ? event.saidBy : [event.owner]
    for (const speaker of from.filter((name) => !known.has(name))) outsiders.add(speaker)
    for (const speaker of from) {
      for (const hearer of event.heardBy)
        lines.push(`  ${arrow(speaker, labelOf(event), hearer, back.has(event.type))}`)
      if (event.heardBy.length === 0) {
        ends.push(nodeId(`end ${event.type}`))
        lines.push(`  ${nodeId(speaker)} --> ${nodeId(`end ${event.type}`)}([${labelOf(event)}])`)
      }
    }
  }
  for (const name of outsiders) lines.push(`  ${nodeId(name)}[${name}]:::outside`)
  if (outsiders.size > 0) lines.push('  classDef outside stroke-dasharray: 4 4')
  return `${lines.join('\n')}\n`
}

function labelOf({ type, afterMs }: TopologyEvent): string {
  return afterMs === undefined ? type : `${type} after ${durationOf(afterMs)}`
}

function arrow(from: string, label: string, to: string, isBack: boolean): string {
  return isBack
    ? `${nodeId(from)} -. ${label} .-> ${nodeId(to)}`
    : `${nodeId(from)} -- ${label} --> ${nodeId(to)}`
}

/** Mermaid reads some words as its own ("end"), so no id is a bare name unless that is safe. */
function nodeId(name: string): string {
  const id = name.replace(/[^A-Za-z0-9]+/g, '_')
  return /^(?:end|graph|flowchart|subgraph|direction|style|class|classDef|click|default|linkStyle)$/i.test(id)
    ? `${id}_`
    : id
}

/** The events that an undo says, or that call for one. */
function wayBack({ services }: Topology): ReadonlySet<string> {
  const undos = services.flatMap(({ reactions }) => reactions.filter(({ form }) => form === 'undo'))
  return new Set(undos.flatMap(({ hears, says }) => [...hears, ...says]))
}

/** Services where sagas begin come first, then whoever hears what was said, breadth first; the rest as given. */
function inStoryOrder(topology: Topology): Topology['services'] {
  const byName = new Map(topology.services.map((service) => [service.name, service]))
  const placed = new Set(
    topology.services.filter(({ commands }) => commands.length > 0).map(({ name }) => name),
  )
  for (const name of placed) {
    for (const event of topology.events.filter(({ saidBy }) => saidBy.includes(name))) {
      for (const hearer of event.heardBy) placed.add(hearer)
    }
  }
  for (const { name } of topology.services) placed.add(name)
  return [...placed].flatMap((name) => byName.get(name) ?? [])
}

/** The way out before the way back, each in the order of who says it. */
function inSayingOrder(topology: Topology, names: readonly string[]): readonly TopologyEvent[] {
  const back = wayBack(topology)
  const place = ({ owner, type, heardBy }: TopologyEvent) =>
    (heardBy.length === 0 ? 2_000 : back.has(type) ? 1_000 : 0) + ((names.indexOf(owner) >>> 0) % 1_000)
  return topology.events.toSorted((a, b) => place(a) - place(b))
}
