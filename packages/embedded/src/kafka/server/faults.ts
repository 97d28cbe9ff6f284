/** A request as it came, for whoever decides what is to go wrong with it. */
export interface FaultyCall {
  /** Such as `Fetch` or `Produce`: Kafka's own name. */
  readonly api: string
  readonly version: number
  readonly clientId: string
  /** The request's body, in the names of `requests/`. */
  readonly request: unknown
}

/**
 * What goes wrong with a request.
 *
 * - `silence`: it is read and nothing more; no later answer of its connection goes out either
 * - `lost-answer`: it is handled, and its connection cut before the client learns of it
 * - `answer`: it is not handled; this is what the client gets to hear
 * - `change`: it is handled, and the client gets to hear something else
 */
export type Fault =
  | { readonly kind: 'silence' | 'lost-answer' }
  | { readonly kind: 'change'; change(response: unknown): unknown }
  | { readonly kind: 'answer'; readonly response: unknown }

/** Asked for every request; undefined where nothing is to go wrong. */
export type FaultHook = (call: FaultyCall) => Fault | undefined

/** The hooks of one broker; the first one that has something to say decides. */
export class Faults {
  readonly #hooks = new Set<FaultHook>()

  add(hook: FaultHook): () => void {
    this.#hooks.add(hook)
    return () => this.#hooks.delete(hook)
  }

  of(call: FaultyCall): Fault | undefined {
    for (const hook of this.#hooks) {
      const fault = hook(call)
      if (fault) return fault
    }
    return undefined
  }
}
