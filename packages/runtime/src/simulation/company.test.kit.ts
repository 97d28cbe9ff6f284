// Two services for the simulation: a bank that hears a counter, and an audit that hears the bank.
import { command, document, type EventType, reaction, service, undo } from '@troupe/core'
import { eventType } from '../kits/bank.test.kit.ts'

export interface Paid {
  readonly account: string
  /** Names what is booked, in all that comes of it. */
  readonly name: string
  readonly cents: number
  readonly trick?: 'throw'
}
export interface Card {
  readonly account: string
  readonly name: string
  readonly saga: string
}
type Note<Type extends string> = EventType<Type, { account: string; name: string }>

export const PaidIn = eventType<'PaidIn', Paid>('PaidIn', 'counter')
export const CardShown = eventType<'CardShown', Card>('CardShown', 'counter')
export const CardVoided = eventType<'CardVoided', Card>('CardVoided', 'counter')
export const LoanAsked = eventType<'LoanAsked', Card>('LoanAsked', 'counter')
/** Heard by the bank only because it waits for it. */
export const LoanRepaid = eventType<'LoanRepaid', Card>('LoanRepaid', 'counter')
/** Heard by nobody. */
export const Rumour = eventType<'Rumour', Card>('Rumour', 'counter')
export const Booked: Note<'Booked'> = eventType('Booked', 'bank')
export const Charged: Note<'Charged'> = eventType('Charged', 'bank')
export const Refunded: Note<'Refunded'> = eventType('Refunded', 'bank')
export const Lent: Note<'Lent'> = eventType('Lent', 'bank')
export const LoanOverdue: Note<'LoanOverdue'> = eventType('LoanOverdue', 'bank')
/** How long a loan may last. */
export const loanMs = 700

/** What was done for one account, in order. */
export const account = document<{ readonly entries: readonly string[] }>({
  name: 'account',
  initial: () => ({ entries: [] }),
})
/** Shared by all accounts: everybody writes it. */
export const total = document<{ readonly cents: number; readonly count: number }>({
  name: 'total',
  initial: () => ({ cents: 0, count: 0 }),
})
/** What became of one saga's card. */
export const card = document<{ readonly charged: number; readonly refunded: number }>({
  name: 'card',
  initial: () => ({ charged: 0, refunded: 0 }),
})
/** What the audit heard of one account, in order. */
export const page = document<{ readonly heard: readonly string[] }>({
  name: 'page',
  initial: () => ({ heard: [] }),
})

export const totalOf = (cents: number) => total(String(cents % 2))
/** How often a payment is said to be booked. */
export const sayingsOf = ({ name, cents }: { readonly name: string; readonly cents: number }) =>
  cents % 3 === 0 ? [name, `${name}#2`] : [name]

interface Booking {
  get(ref: ReturnType<typeof account>): { readonly entries: readonly string[] }
  get(ref: ReturnType<typeof total>): { readonly cents: number; readonly count: number }
  put(ref: object, state: object): void
  emit(type: typeof Booked, data: { account: string; name: string }): void
}

function bookIt(data: Omit<Paid, 'trick'>, { get, put, emit }: Booking): number {
  const { entries } = get(account(data.account))
  const { cents, count } = get(totalOf(data.cents))
  put(account(data.account), { entries: [...entries, data.name] })
  put(totalOf(data.cents), { cents: cents + data.cents, count: count + 1 })
  for (const name of sayingsOf(data)) emit(Booked, { account: data.account, name })
  return entries.length
}

/** What the bank calls outside. */
export type Outside = (idempotencyKey: string, name: string, signal: AbortSignal) => Promise<string>

/** Whether the reaction to what has this name throws now. */
export type Stumbles = (name: string) => boolean

/** The bank; its calls to the outside go to `outside`. */
export function bankWith(outside: Outside, stumbles: Stumbles) {
  const book = reaction({
    on: PaidIn,
    emits: [Booked],
    reads: ({ data }) => [account(data.account), totalOf(data.cents)],
    react({ data }, context) {
      bookIt(data, context as unknown as Booking)
      // Half-way through: nothing of what it put and emitted may remain.
      if (data.trick === 'throw') throw new Error('this payment cannot be booked')
      if (stumbles(data.name)) throw new Error('not now')
    },
  })
  const charge = reaction({
    on: CardShown,
    emits: [Charged],
    reads: ({ data }) => [account(data.account), card(data.saga)],
    perform: ({ data }, { idempotencyKey, signal }) => outside(idempotencyKey, data.name, signal),
    react({ data }, { get, put, emit, performed }) {
      const { entries } = get(account(data.account))
      const { charged, refunded } = get(card(data.saga))
      put(account(data.account), { entries: [...entries, `charge ${performed}`] })
      put(card(data.saga), { charged: charged + 1, refunded })
      emit(Charged, { account: data.account, name: data.name })
    },
  })
  const refund = undo(charge, {
    undoes: Charged,
    on: CardVoided,
    emits: [Refunded],
    react({ data }, { get, put, emit, done }) {
      const { entries } = get(account(done.account))
      const { charged, refunded } = get(card(data.saga))
      put(account(done.account), { entries: [...entries, `refund ${done.name}`] })
      put(card(data.saga), { charged, refunded: refunded + 1 })
      emit(Refunded, { account: done.account, name: done.name })
      if (stumbles(data.name)) throw new Error('the till is locked')
    },
  })
  const lend = reaction({
    on: LoanAsked,
    emits: [Lent],
    deadline: {
      from: Lent,
      afterMs: loanMs,
      emit: LoanOverdue,
      data: (lent) => lent,
      liftedBy: [LoanRepaid],
    },
    reads: ({ data }) => [account(data.account)],
    react({ data }, { get, put, emit }) {
      const { entries } = get(account(data.account))
      put(account(data.account), { entries: [...entries, `lend ${data.name}`] })
      emit(Lent, { account: data.account, name: data.name })
    },
  })
  const payIn = command({
    emits: [Booked],
    reads: (input: Paid) => [account(input.account), totalOf(input.cents)],
    react: (input, context) => ({ place: bookIt(input, context as unknown as Booking) }),
  })
  return {
    payIn,
    bank: service({ name: 'bank', reactions: { book, charge, refund, lend }, commands: { payIn } }),
  }
}

const note = reaction({
  on: [Booked, Charged, Refunded, Lent, LoanOverdue],
  emits: [],
  reads: ({ data }) => [page(data.account)],
  react({ type, data }, { get, put }) {
    const { heard } = get(page(data.account))
    put(page(data.account), { heard: [...heard, `${type} ${data.name}`] })
  },
})

export const audit = service({ name: 'audit', reactions: { note } })
