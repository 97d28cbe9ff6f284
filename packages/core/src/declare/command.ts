import { type Deadline, type DeadlineDeclaration, deadlineOf } from './deadline.ts'
import {
  eventTypesOf,
  fieldsOf,
  functionIfAny,
  functionOf,
  hasForm,
  namesIfAny,
  refuseUnknownFields,
} from './declared.ts'
import type { DocumentRef } from './document.ts'
import type { AnyEventType } from './event-type.ts'
import type { Json } from '../event/json.ts'
import type { ReactContext } from './reaction.ts'

/** What a command's `react` gets: a reaction's context, no `performed`, and no saga that goes without saying. */
export type CommandContext<Emits extends AnyEventType = AnyEventType> = Omit<
  ReactContext<Emits>,
  'performed' | 'lift'
> & {
  /** Takes back what a saga has scheduled under a name; nothing happens if that is over. */
  lift(this: void, what: AnyEventType | string, saga: string): void
}

export interface CommandDeclaration<
  Input extends object,
  Emits extends readonly AnyEventType[],
  Answer extends Json | undefined | void,
  From extends Emits[number] = Emits[number],
  Overdue extends AnyEventType = AnyEventType,
> {
  readonly emits: Emits
  /** For how long the saga waits for an answer to what it emits, and what is said if none comes. */
  readonly deadline?: DeadlineDeclaration<From, Overdue>
  /** The documents it needs. Pure. `id` is the one that `react` gets from its context. */
  readonly reads?: (input: Input, ids: Pick<CommandContext, 'id'>) => readonly DocumentRef[]
  /**
   * Decides, and answers: the answer is kept with the idempotency key and given again for it. Plain data,
   * and its type a `type`: an `interface` does not count as JSON.
   */
  readonly react: (input: Input, context: CommandContext<Emits[number]>) => Answer
}

/**
 * A request from outside that the owning service decides on; where a saga begins. Nothing but
 * commands and reactions ever emits.
 */
export interface Command<Input extends object = never, Answer = unknown> {
  readonly form: 'command'
  readonly emits: readonly AnyEventType[]
  readonly deadline: Deadline | undefined
  readonly reads: ((input: Input, ids: Pick<CommandContext, 'id'>) => readonly DocumentRef[]) | undefined
  readonly react: (input: Input, context: never) => Answer
}

const names = ['emits', 'deadline', 'reads', 'react']

/**
 * Declares a command; its name is the name under which a service lists it.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` if a value is not of its type, or has a name that no command
 *   knows; or if its deadline begins with what it never emits, waits for nothing, or for no time that can be.
 */
export function command<
  Input extends object,
  const Emits extends readonly AnyEventType[],
  Answer extends Json | undefined | void,
  From extends Emits[number] = Emits[number],
  Overdue extends AnyEventType = AnyEventType,
>(declaration: CommandDeclaration<Input, Emits, Answer, From, Overdue>): Command<Input, Answer> {
  const declared = fieldsOf(
    declaration,
    'The declaration of a command',
    'Give `command` an object with `emits` and `react`.',
  )
  const said = namesIfAny(declared.emits)
  const whose = said ? `the command that emits ${said}` : 'a command'
  refuseUnknownFields(declared, names, whose)
  const emits = eventTypesOf<AnyEventType>(declared.emits, 'emits', whose)
  return {
    form: 'command',
    emits,
    deadline: deadlineOf(declared.deadline, emits, whose),
    reads: functionIfAny(declared.reads, 'reads', whose),
    react: functionOf(declared.react, 'react', whose) as Command<Input, Answer>['react'],
  }
}

/** True for what {@link command} made, of any copy of this package, and for what has its form. */
export function isCommand(value: unknown): value is Command {
  return hasForm(value, ['command']) && typeof (value as Partial<Command>).react === 'function'
}
