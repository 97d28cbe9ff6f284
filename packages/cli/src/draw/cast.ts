import type { Event, Topology } from '@troupe/core'
import type { Colors } from '../terminal/terminal.ts'

/** What a service did to say an event: which reaction or command, and whether that undoes something. */
export interface Deed {
  readonly name: string
  readonly isUndo: boolean
}

/** Who is who in a choreography, for drawing. */
export interface Cast {
  /** The deed by which `event` was said, on hearing an event of `causeType`; undefined where a saga begins. */
  deedOf(event: Pick<Event, 'type' | 'source'>, causeType: string | undefined): Deed
  /** True for an event that nobody hears: with it a saga ends. */
  isEnd(type: string): boolean
  /** The width that the longest name of each sort takes. */
  readonly widths: { readonly service: number; readonly event: number; readonly deed: number }
  /** A service's name in its colour. */
  paint(service: string, text: string, colors: Colors): string
}

const palette = ['cyan', 'magenta', 'blue', 'yellow', 'green', 'white'] as const

/** Reads the cast off a topology. */
export function castOf({ services, events }: Topology): Cast {
  const byName = new Map(services.map((service) => [service.name, service]))
  const ends = new Set(events.filter(({ heardBy }) => heardBy.length === 0).map(({ type }) => type))
  const deeds = services.flatMap(({ commands, reactions }) => [...commands, ...reactions])
  const late = new Set(events.filter(({ afterMs }) => afterMs !== undefined).map(({ type }) => type))
  return {
    deedOf({ type, source }, causeType) {
      const service = byName.get(source)
      if (late.has(type)) return { name: 'no answer', isUndo: false }
      if (causeType === undefined) {
        const command = service?.commands.find(({ says }) => says.includes(type))
        return { name: command?.name ?? '?', isUndo: false }
      }
      const reaction = service?.reactions.find(
        ({ hears, says }) => hears.includes(causeType) && says.includes(type),
      )
      return { name: reaction?.name ?? '?', isUndo: reaction?.form === 'undo' }
    },
    isEnd: (type) => ends.has(type),
    widths: {
      service: longest(services.map(({ name }) => name)),
      event: longest(events.map(({ type }) => type)),
      // An undo has a mark before its name.
      deed: longest(deeds.map(({ name }) => `↶ ${name}`)),
    },
    paint(service, text, colors) {
      const at = services.findIndex(({ name }) => name === service)
      return colors[palette[at % palette.length] ?? 'white'](text)
    },
  }
}

function longest(names: readonly string[]): number {
  return Math.max(0, ...names.map((name) => name.length))
}
