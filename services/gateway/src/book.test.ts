import { describe, expect, it } from '@jest/globals'
import { createBook, type Entry } from './book.ts'

const charge = { order: 'o1', amountCents: 2_500, currency: 'EUR', cardToken: 'tok_visa' }
const newBook = () => createBook((kind, count) => `${kind}_${count}`)
const all = { after: '', limit: 100 }

describe('the gateway’s book', () => {
  it('has what was charged, what was given back, and nothing of what was declined', () => {
    const book = newBook()
    expect(book.decide('a', { charge }).answer).toEqual({ status: 201, id: 'ch_1' })
    const declined = { charge: { ...charge, cardToken: 'tok_declined' } }
    expect(book.decide('b', declined).answer).toEqual({ status: 402, reason: 'card declined' })
    const refund = { chargeId: 'ch_1', amountCents: 2_500 }
    expect(book.decide('c', { refund }).answer).toEqual({ status: 201, id: 're_1' })
    expect(book.charges(all)).toEqual([
      { id: 'ch_1', order: 'o1', currency: 'EUR', chargedCents: 2_500, refundedCents: 2_500 },
    ])
  })

  it('gives back once, never more than was taken, and nothing of what it does not know', () => {
    const book = newBook()
    book.decide('a', { charge })
    const status = (key: string, chargeId: string, amountCents: number) =>
      book.decide(key, { refund: { chargeId, amountCents } }).answer.status
    expect(status('b', 'ch_1', 2_501)).toBe(409)
    expect(status('c', 'ch_2', 1)).toBe(404)
    expect(status('d', 'ch_1', 2_500)).toBe(201)
    expect(status('e', 'ch_1', 2_500)).toBe(409)
  })

  it('takes money twice for an order that is charged under two keys: it is not the merchant', () => {
    const book = newBook()
    book.decide('a', { charge })
    book.decide('b', { charge })
    expect(book.charges(all).map(({ order }) => order)).toEqual(['o1', 'o1'])
  })

  it('is the same when its entries are read again', () => {
    const book = newBook()
    const entries: Entry[] = [
      book.decide('a', { charge }),
      book.decide('b', { charge: { ...charge, order: 'o2' } }),
      book.decide('c', { refund: { chargeId: 'ch_2', amountCents: 2_500 } }),
    ]
    const again = newBook()
    for (const entry of entries) again.enter(entry)
    expect(again.charges(all)).toEqual(book.charges(all))
    expect(again.known('b')).toEqual(book.known('b'))
    expect(again.decide('d', { charge }).answer).toEqual({ status: 201, id: 'ch_3' })
  })
})
