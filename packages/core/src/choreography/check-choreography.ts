import { choreographyOf, type Choreography, type EventKey, type Voice } from './choreography.ts'
import type { Service } from '../declare/service.ts'
import { failuresIn, type Failure, isAlwaysAfter, mayComeAfter } from './ways-back.ts'

/** What a set of declarations says of how sagas end, and what is missing for them to end well. */
export interface ChoreographyReport {
  /** Every step with every failure that may come after it, and how it is undone then. */
  readonly undone: readonly UndoneStep[]
  /** What is declared to stand, with the failures after which it does. */
  readonly standing: readonly { readonly reaction: string; readonly failure: string }[]
  /** Reactions that may call each other for ever; whether they do is for their documents to decide. */
  readonly loops: readonly (readonly string[])[]
  readonly flaws: readonly ChoreographyFlaw[]
}

export interface UndoneStep {
  /** `service.reaction` */
  readonly step: string
  readonly failure: string
  /** `service.reaction` */
  readonly undo: string
  /** The events that lead there: the failure first, what the undo hears last. */
  readonly way: readonly string[]
}

/**
 * - `nobody-hears`: an event that nobody hears, and that is no end
 * - `never-said`: an event that is heard, and that its owner does not say
 * - `no-completion`: there are steps, and no event is declared to complete a saga
 * - `no-undo`: a failure may come after something that has no undo and is not `final`
 * - `not-undone`: a failure does not lead to the undo of a step that may be done by then
 * - `undone-too-early`: a step may be undone before one that came after it
 * - `undo-never-called`: an event that calls for an undo, and never comes once its step is done
 */
export type FlawKind =
  | 'nobody-hears'
  | 'never-said'
  | 'no-completion'
  | 'no-undo'
  | 'not-undone'
  | 'undone-too-early'
  | 'undo-never-called'

export interface ChoreographyFlaw {
  readonly kind: FlawKind
  /** `service.reaction` to look at. */
  readonly at: string
  /** Its type; empty for `no-completion`. */
  readonly event: string
  /** What is wrong and what to do, for a person. */
  readonly text: string
}

/**
 * Checks that everything that may have been done when a saga fails is undone, in reverse order, or is
 * declared to stand; and that nobody waits for, or says, what the others never say or hear.
 *
 * Goes by declarations alone. It takes a reaction's several events for alternatives, and a way that exists for
 * one that is gone: what reactions decide is for their tests.
 */
export function checkChoreography(services: readonly Service[]): ChoreographyReport {
  const choreography = choreographyOf(services)
  const steps = choreography.voices.filter(({ form }) => form === 'step')
  const completes = [...choreography.events.keys()].some((event) => choreography.endOf(event) === 'completed')
  const knowsFailures = completes || steps.length === 0
  const failures = knowsFailures ? failuresIn(choreography) : []
  const ways = steps.flatMap((step) => waysBack(choreography, step, failures))
  const unmade = choreography.voices
    .filter(({ form, mayChange }) => form === 'reaction' && mayChange)
    .flatMap((voice) => withoutUndo(choreography, voice, failures))
  return {
    undone: ways.flatMap(({ found }) => found ?? []),
    standing: unmade.flatMap(({ voice, event }) =>
      voice.isFinal ? { reaction: voice.name, failure: typeOf(event) } : [],
    ),
    loops: loopsIn(choreography),
    flaws: [
      ...unheard(choreography),
      ...unsaid(choreography),
      ...(knowsFailures ? [] : [noCompletion(steps)]),
      ...ways.flatMap(({ flaws }) => flaws),
      ...unmade.flatMap(({ voice, event }) => (voice.isFinal ? [] : noUndo(voice, event))),
      ...steps.flatMap((step) => uncalled(choreography, step)),
    ],
  }
}

interface WayBack {
  readonly found?: UndoneStep
  readonly flaws: readonly ChoreographyFlaw[]
}

/** How a step is undone, for each failure that may come after it. */
function waysBack(choreography: Choreography, step: Voice, failures: readonly Failure[]): readonly WayBack[] {
  const undo = undoOf(choreography, step)
  return failures
    .filter(({ event, saidBy }) => saidBy !== step && mayComeAfter(choreography, step, event))
    .map(({ event }) => {
      const passes = (voice: Voice) => isReliable(choreography, voice, event)
      const trail = choreography.follow([event], { passes })
      const last = undo.hears.find((heard) => trail.has(heard))
      if (last === undefined) return { flaws: [notUndone(choreography, { step, undo, event })] }
      const way = trail.wayTo(last).map(typeOf)
      return {
        found: { step: step.name, failure: typeOf(event), undo: undo.name, way },
        flaws: tooEarly(choreography, { step, undo, event }),
      }
    })
}

interface Undoing {
  readonly step: Voice
  readonly undo: Voice
  readonly event: EventKey
}

/** An undo passes a failure on only if its step is done by then: barred, it says nothing. */
function isReliable(choreography: Choreography, { form, done }: Voice, event: EventKey): boolean {
  return form !== 'undo' || (done !== undefined && isAlwaysAfter(choreography, event, done))
}

function notUndone(choreography: Choreography, { step, undo, event }: Undoing): ChoreographyFlaw {
  const passes = (voice: Voice) => isReliable(choreography, voice, event)
  const followers = choreography.follow([event], { passes }).events.filter((next) => next !== event)
  const all = choreography.follow([event])
  const isBroken = undo.hears.some((heard) => all.has(heard))
  const why = isBroken
    ? `leads to ${undo.name} only through an undo that says nothing where its own step was not done yet`
    : `does not lead to ${undo.name}`
  const remedy = isBroken || followers.length === 0 ? '' : `, or what follows from it: ${list(followers)}`
  return {
    kind: 'not-undone',
    at: step.name,
    event: typeOf(event),
    text: `${typeOf(event)} ${why}, so what ${step.name} did would stay. Let ${undo.name} hear ${typeOf(event)}${remedy}.`,
  }
}

/** Steps that came after this one and that the same failure undoes, but whose undo may come after this one's. */
function tooEarly(choreography: Choreography, { step, undo, event }: Undoing): readonly ChoreographyFlaw[] {
  const { voices, follow } = choreography
  const isAfter = (one: Voice, other: Voice) =>
    one.done !== undefined && other.done !== undefined && follow([other.done]).has(one.done)
  const laterSteps = voices.filter(
    (later) =>
      later.form === 'step' &&
      isAfter(later, step) &&
      !isAfter(step, later) &&
      later.done !== undefined &&
      isAlwaysAfter(choreography, event, later.done),
  )
  return laterSteps.flatMap((later) => {
    const laterUndo = undoOf(choreography, later)
    if (!laterUndo.hears.some((heard) => follow([event]).has(heard))) return []
    const around = follow([event], { passes: (voice) => voice !== laterUndo })
    const heard = undo.hears.find((one) => around.has(one))
    if (heard === undefined) return []
    const kind = 'undone-too-early'
    const text = `${undo.name} hears ${typeOf(heard)}, so ${step.name} may be undone before ${later.name}, which came after it. Let it hear what ${laterUndo.name} says${laterUndo.says.length > 0 ? ` (${list(laterUndo.says)})` : ', once that says something'}.`
    return [{ kind, at: undo.name, event: typeOf(heard), text }] as const
  })
}

function withoutUndo(
  choreography: Choreography,
  voice: Voice,
  failures: readonly Failure[],
): readonly { readonly voice: Voice; readonly event: EventKey }[] {
  const isOnTheWay = !voice.hears.every((heard) =>
    failures.some(({ event }) => choreography.follow([event]).has(heard)),
  )
  if (!isOnTheWay) return []
  return failures
    .filter(({ event, saidBy }) => saidBy !== voice && mayComeAfter(choreography, voice, event))
    .map(({ event }) => ({ voice, event }))
}

function noUndo(voice: Voice, event: EventKey): ChoreographyFlaw {
  return {
    kind: 'no-undo',
    at: voice.name,
    event: typeOf(event),
    text: `${typeOf(event)} may come after ${voice.name}, which may change something and has no undo. Declare one, or \`final: true\` if what it does is to stand.`,
  }
}

function unheard({ events, endOf, hearersOf, sayersOf }: Choreography): readonly ChoreographyFlaw[] {
  return [...events.keys()].flatMap((event) => {
    const [sayer] = sayersOf(event)
    if (!sayer || endOf(event) !== undefined || hearersOf(event).length > 0) return []
    const type = typeOf(event)
    const text = `Nobody hears ${type}, which ${sayer.name} says. Let a service hear it, check it together with the service that does, or declare it among the \`ends\` of ${sayer.service}.`
    return { kind: 'nobody-hears', at: sayer.name, event: type, text } as const
  })
}

function unsaid({ events, hearersOf, sayersOf }: Choreography): readonly ChoreographyFlaw[] {
  return [...events].flatMap(([event, { owner }]) => {
    const [hearer] = hearersOf(event)
    if (!hearer || sayersOf(event).length > 0) return []
    const type = typeOf(event)
    const text = `${hearer.name} hears ${type}, which ${owner} never says. Hear another event, or let ${owner} emit it.`
    return { kind: 'never-said', at: hearer.name, event: type, text } as const
  })
}

function noCompletion(steps: readonly Voice[]): ChoreographyFlaw {
  return {
    kind: 'no-completion',
    at: steps[0]?.name ?? '',
    event: '',
    text: 'No event is declared to complete a saga, so nobody can tell which ones say that it failed. Declare `ends: { completed: [...], cancelled: [...] }` on the services that say so.',
  }
}

function uncalled(choreography: Choreography, step: Voice): readonly ChoreographyFlaw[] {
  const undo = undoOf(choreography, step)
  return undo.hears
    .filter((event) => choreography.sayersOf(event).length > 0 && !mayComeAfter(choreography, step, event))
    .map((event) => ({
      kind: 'undo-never-called',
      at: undo.name,
      event: typeOf(event),
      text: `${undo.name} hears ${typeOf(event)}, which never comes once ${step.name} is done. Let it hear the failure of whoever comes after that.`,
    }))
}

/** Each loop once. Steps and undos cut one: they run once a saga. */
function loopsIn({ voices, follow }: Choreography): readonly (readonly string[])[] {
  const passes = ({ form }: Voice) => form === 'reaction'
  const looping = voices.filter((voice) => {
    const trail = follow(voice.says, { passes })
    return passes(voice) && voice.hears.some((heard) => trail.has(heard))
  })
  const loops = looping.map((voice) =>
    looping.filter(
      (other) =>
        other.hears.some((heard) => follow(voice.says, { passes }).has(heard)) &&
        voice.hears.some((heard) => follow(other.says, { passes }).has(heard)),
    ),
  )
  return loops
    .filter((loop, index) => looping.indexOf(loop[0] as Voice) === index)
    .map((loop) => loop.map(({ name }) => name))
}

function undoOf({ voices }: Choreography, step: Voice): Voice {
  return voices.find(({ form, done }) => form === 'undo' && done === step.done) as Voice
}

function typeOf(event: EventKey): string {
  return event.slice(event.indexOf('/') + 1)
}

function list(events: readonly EventKey[]): string {
  return events.map(typeOf).join(', ')
}
