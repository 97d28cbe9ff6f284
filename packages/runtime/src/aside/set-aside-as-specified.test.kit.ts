// What becomes of an event that fails, in a page: the specification that `set-aside-as-specified.test.ts` holds the
// runtime against. What a step is stands on the page of the order story's test; here it is what is heard.
//
// | a key is | an event of it comes                    | it is tried                                           |
// |----------|-----------------------------------------|-------------------------------------------------------|
// | free     | it is heard; if it fails, the key waits | -                                                     |
// | waiting  | it goes to the end of the key's line    | the line is heard from its front, up to what fails    |
// | held     | it goes to the end of the key's line    | nothing happens                                       |
//
// An event that fails for the last time leaves the line and is a dead letter: it counts as heard. Its key is held where
// the reaction asks for that, and else the line goes on. An undo has no last time. An event that was heard, by whatever
// way, does nothing when it comes again. A dead letter that is redriven is forgotten as heard and goes into
// the line at its old place; its key, if nobody else is waited for, waits with all attempts before it. (Where nothing else
// is parked, the partition's owner learns of that when it looks what is due: in here, at once.) A deadline
// begins when its step is done, ends when its answer is heard, and else fires once.

export type Kind = 'Asked' | 'CalledOff' | 'Answered'
export interface Come {
  readonly offset: number
  readonly id: string
  readonly kind: Kind
  readonly saga: string
  readonly key: string
}
interface Line {
  state: 'waiting' | 'held'
  events: Come[]
  attempts: number
  heldFor: string | undefined
}
interface Letter {
  readonly event: Come
  state: 'open' | 'redriven' | 'discarded'
  redrives: number
}

export interface Policy {
  readonly attempts: number
  readonly isHolding: boolean
}

export class Specified {
  readonly keys = new Map<string, Line>()
  readonly letters = new Map<string, Letter>()
  /** What went to the topic of dead letters, each time. */
  readonly deaths: number[] = []
  readonly steps = new Map<string, 'done' | 'undone' | 'barred'>()
  readonly heard = new Map<string, 'heard' | 'dead'>()
  /** Deadlines that wait, with the key of their step. */
  readonly pending = new Map<string, string>()
  /** Of each key, in order. */
  readonly said = new Map<string, string[]>()
  /** `Asked s1`: what fails, for as long as it is in here. */
  readonly broken = new Set<string>()
  readonly #policy: Policy

  constructor(policy: Policy) {
    this.#policy = policy
  }

  comes(event: Come): void {
    if (this.heard.has(event.id)) return
    const line = this.keys.get(event.key)
    if (line) line.events.push(event)
    else if (!this.#hear(event) && this.#fails(this.#line(event.key), event)) this.isTried(event.key)
  }

  isTried(key: string): void {
    const line = this.keys.get(key)
    if (line?.state !== 'waiting') return
    const [first] = line.events
    if (!first) return void this.keys.delete(key)
    if (this.heard.has(first.id) || this.#hear(first)) {
      line.events.shift()
      line.attempts = 0
    } else if (!this.#fails(line, first)) return
    this.isTried(key)
  }

  redrive(id: string): boolean {
    const letter = this.letters.get(id)
    if (!letter || letter.state === 'redriven') return false
    Object.assign(letter, { state: 'redriven', redrives: letter.redrives + 1 })
    if (this.heard.get(letter.event.id) === 'dead') this.heard.delete(letter.event.id)
    const line = this.#line(letter.event.key)
    line.events = [...line.events, letter.event].toSorted((one, other) => one.offset - other.offset)
    if (line.state === 'waiting' || line.heldFor === id) this.#release(line)
    return true
  }

  retry(key: string): void {
    const line = this.keys.get(key)
    if (line?.state === 'held') this.#release(line)
    if (line?.events.length === 0) this.keys.delete(key)
  }

  discardLetter(id: string): void {
    const letter = this.letters.get(id)
    if (letter?.state !== 'open') return
    letter.state = 'discarded'
    for (const line of this.keys.values()) if (line.heldFor === id) this.#release(line)
  }

  discardParked(key: string, what: 'head' | 'all'): void {
    const line = this.keys.get(key)
    if (!line) return
    const head = this.letters.get(line.heldFor ?? '')
    if (head?.state === 'open') head.state = 'discarded'
    const count = what === 'all' ? line.events.length : line.state === 'held' ? 0 : 1
    for (const event of line.events.splice(0, count)) this.#letter(event, 'discarded')
    this.#release(line)
    if (line.events.length === 0) this.keys.delete(key)
  }

  /** @returns the sagas whose deadlines fire */
  expire(): readonly string[] {
    // What is due at one time is in no order.
    const fired = [...this.pending].toSorted(([one], [other]) => (one < other ? -1 : 1))
    this.pending.clear()
    for (const [saga, key] of fired) this.#says(key, `Overdue ${saga}`)
    return fired.map(([saga]) => saga)
  }

  /** @returns false if it fails */
  #hear(event: Come): boolean {
    const { kind, saga, key, id } = event
    const step = this.steps.get(saga)
    const runs = kind === 'Asked' ? step === undefined : kind === 'CalledOff' && step === 'done'
    if (runs && this.broken.has(`${kind} ${saga}`)) return false
    this.heard.set(id, 'heard')
    if (kind === 'Answered') this.pending.delete(saga)
    if (kind === 'CalledOff' && !step) this.steps.set(saga, 'barred')
    if (!runs) return true
    this.steps.set(saga, kind === 'Asked' ? 'done' : 'undone')
    if (kind === 'Asked') this.pending.set(saga, key)
    this.#says(key, `${kind === 'Asked' ? 'Held' : 'GivenBack'} ${saga}`)
    return true
  }

  /** @returns whether the line goes on */
  #fails(line: Line, event: Come): boolean {
    if (line.events[0] !== event) line.events.unshift(event)
    line.attempts += 1
    if (event.kind === 'CalledOff' || line.attempts < this.#policy.attempts) return false
    line.events.shift()
    line.attempts = 0
    this.#letter(event, 'open')
    this.deaths.push(event.offset)
    if (this.#policy.isHolding) Object.assign(line, { state: 'held', heldFor: String(event.offset) })
    return true
  }

  #letter(event: Come, state: 'open' | 'discarded'): void {
    const id = String(event.offset)
    const redrives = this.letters.get(id)?.redrives ?? 0
    this.letters.set(id, { event, state, redrives })
    if (!this.heard.has(event.id)) this.heard.set(event.id, 'dead')
  }

  #line(key: string): Line {
    const line = this.keys.get(key) ?? { state: 'waiting', events: [], attempts: 0, heldFor: undefined }
    this.keys.set(key, line)
    return line
  }

  #says(key: string, what: string): void {
    this.said.set(key, [...(this.said.get(key) ?? []), what])
  }

  #release(line: Line): void {
    Object.assign(line, { state: 'waiting', attempts: 0, heldFor: undefined })
  }
}
