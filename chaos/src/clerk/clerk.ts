// A service for rows that the order story cannot show: it knows whether it heard the events of a key in their
// order, and its step and the undo of it are called for on two topics, by services that the tests play.
import { avroEvent } from '@troupe/avro'
import { document, reaction, service, undo } from '@troupe/core'

interface CountedInput {
  readonly counter: string
  readonly number: number
  /** So that an event is as large as a row wants it. */
  readonly padding?: string
}

/** Of one counter, numbers from 1 on. */
export const Counted = avroEvent<'Counted', Required<CountedInput>, CountedInput>({
  owner: 'counter',
  schema: {
    type: 'record',
    name: 'Counted',
    namespace: 'chaos.counter',
    key: 'counter',
    fields: [
      { name: 'counter', type: 'string' },
      { name: 'number', type: 'int' },
      { name: 'padding', type: 'string', default: '' },
    ],
  },
})

const ofAPlace = <const Type extends string>(type: Type, owner: string) =>
  avroEvent<Type, { readonly place: string }>({
    owner,
    schema: {
      type: 'record',
      name: type,
      namespace: `chaos.${owner}`,
      key: 'place',
      fields: [{ name: 'place', type: 'string' }],
    },
  })

/** Asks for a place, such as `room-1/17`. */
export const Asked = ofAPlace('Asked', 'asker')
/** No longer asks for it. */
export const CalledOff = ofAPlace('CalledOff', 'canceller')
export const Held = ofAPlace('Held', 'clerk')
export const GivenBack = ofAPlace('GivenBack', 'clerk')

export interface Tally {
  readonly last: number
  /** Where a number did not follow the one before it. */
  readonly wrong: readonly string[]
}

/** What was heard of one counter. */
export const tally = document<Tally>({ name: 'tally', initial: () => ({ last: 0, wrong: [] }) })

/** How many places of a room are held; many sagas share one. */
export const room = document<{ readonly held: number; readonly heldEver: number }>({
  name: 'room',
  initial: () => ({ held: 0, heldEver: 0 }),
})

const roomOf = (place: string) => room(place.split('/')[0] ?? '')

const count = reaction({
  on: Counted,
  emits: [],
  reads: ({ data }) => [tally(data.counter)],
  react({ data: { counter, number } }, { get, put }) {
    const { last, wrong } = get(tally(counter))
    const isNext = number === last + 1
    put(tally(counter), { last: number, wrong: isNext ? wrong : [...wrong, `${number} after ${last}`] })
  },
})

const hold = reaction({
  on: Asked,
  emits: [Held],
  reads: ({ data }) => [roomOf(data.place)],
  react({ data: { place } }, { get, put, emit }) {
    const { held, heldEver } = get(roomOf(place))
    put(roomOf(place), { held: held + 1, heldEver: heldEver + 1 })
    emit(Held, { place })
  },
})

const giveBack = undo(hold, {
  undoes: Held,
  on: CalledOff,
  emits: [GivenBack],
  react(_, { done: { place }, get, put, emit }) {
    const { held, heldEver } = get(roomOf(place))
    put(roomOf(place), { held: held - 1, heldEver })
    emit(GivenBack, { place })
  },
})

export const clerk = service({ name: 'clerk', reactions: { count, hold, giveBack } })
