import type { DocumentRef } from './document.ts'
import type { AnyEventType } from './event-type.ts'
import type { Json } from './json.ts'
import type { ReactContext } from './reaction.ts'

/** What a command's `react` gets: a reaction's context, and no `performed`. */
export type CommandContext<Emits extends AnyEventType = AnyEventType> = Omit<ReactContext<Emits>, 'performed'>

export interface CommandDeclaration<
  Input extends object,
  Emits extends readonly AnyEventType[],
  Answer extends Json | undefined | void,
> {
  readonly emits: Emits
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
  readonly reads: ((input: Input, ids: Pick<CommandContext, 'id'>) => readonly DocumentRef[]) | undefined
  readonly react: (input: Input, context: never) => Answer
}

/** Declares a command; its name is the name under which a service lists it. */
export function command<
  Input extends object,
  const Emits extends readonly AnyEventType[],
  Answer extends Json | undefined | void,
>(declaration: CommandDeclaration<Input, Emits, Answer>): Command<Input, Answer> {
  return {
    form: 'command',
    emits: declaration.emits,
    reads: declaration.reads,
    react: declaration.react as Command<Input, Answer>['react'],
  }
}
