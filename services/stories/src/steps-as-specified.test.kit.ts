// What a step is, in a page: the specification that `steps-as-specified.test.ts` holds the services against.
//
// In each saga, each step is in one of four states. It begins open.
//
// | state  | an event comes that asks for it    | an event comes that calls for its undo |
// |--------|------------------------------------|----------------------------------------|
// | open   | done if it can be, else still open | barred: it will never be done          |
// | done   | nothing: a step is done once       | undone                                 |
// | undone | nothing                            | nothing: a step is undone once         |
// | barred | nothing                            | nothing                                |
//
// Whatever it does, it says so: by one event when it becomes done, by another when it becomes undone, and by none
// of the two otherwise. An event that comes again, under the id under which it was heard, does nothing at all,
// whatever state the step is in. One that was set aside is heard when it is redriven, and not before; redriven twice, it
// is heard once.
//
// Who is waited for after a step has a deadline: it waits from the moment in which the step becomes done, until one of
// its answers is heard or time is up. Then, and only then, it is said, once.
import type { Service } from '@troupe/core'

export type StepState = 'open' | 'done' | 'undone' | 'barred'

/** A step as it is declared. */
export interface Step {
  readonly service: string
  readonly askedForBy: readonly string[]
  readonly calledOffBy: readonly string[]
  /** The event by which it says that it is done. */
  readonly done: string
  /** The events by which its undo says that it is undone. */
  readonly undone: readonly string[]
}

/** A deadline as it is declared. */
export interface Wait {
  readonly service: string
  readonly from: string
  readonly answers: readonly string[]
  readonly says: string
}

/** The deadlines of these services' reactions, read off their declarations. */
export function waitsOf(services: readonly Service[]): readonly Wait[] {
  return services.flatMap(({ name, reactions }) =>
    [...new Set(reactions.values())].flatMap(({ reaction: { deadline } }) =>
      deadline
        ? {
            service: name,
            from: deadline.from.type,
            answers: deadline.liftedBy.map(({ type }) => type),
            says: deadline.emit.type,
          }
        : [],
    ),
  )
}

/** Whether it is waited after an event of the saga that was not heard before, and what was said of that. */
export function waitsAfter(waits: boolean, wait: Wait, event: string, said: readonly string[]): boolean {
  return said.includes(wait.from) || (waits && !wait.answers.includes(event))
}

/** The steps of these services, read off their declarations. */
export function stepsOf(services: readonly Service[]): readonly Step[] {
  return services.flatMap(({ name, reactions }) =>
    [...new Set(reactions.values())].flatMap(({ reaction }) =>
      reaction.undoes
        ? {
            service: name,
            askedForBy: reaction.undoes.step.on.map(({ type }) => type),
            calledOffBy: reaction.on.map(({ type }) => type),
            done: reaction.undoes.done.type,
            undone: reaction.emits.map(({ type }) => type),
          }
        : [],
    ),
  )
}

/** What becomes of a step on an event of its saga that was not heard before, and what is said of that. */
export function stepAfter(
  state: StepState,
  step: Step,
  event: string,
  canBeDone: boolean,
): { readonly state: StepState; readonly says: readonly string[] } {
  if (step.askedForBy.includes(event) && state === 'open' && canBeDone)
    return { state: 'done', says: [step.done] }
  if (step.calledOffBy.includes(event) && state === 'open') return { state: 'barred', says: [] }
  if (step.calledOffBy.includes(event) && state === 'done') return { state: 'undone', says: step.undone }
  return { state, says: [] }
}
