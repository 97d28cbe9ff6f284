import { z } from 'zod'

const skuLengthMax = 64
const linesMax = 100
const quantityMax = 1_000
const priceCentsMax = 100_000_000

/** What a shop asks for when it places an order. Every size is bounded, every sum a safe integer. */
export const orderRequest = z.strictObject({
  customerId: line(100).min(1),
  items: z
    .array(
      z.strictObject({
        sku: line(skuLengthMax).min(1),
        quantity: z.int().min(1).max(quantityMax),
        priceCents: z.int().min(0).max(priceCentsMax),
      }),
    )
    .min(1)
    .max(linesMax),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'Not an ISO 4217 code, such as EUR.')
    .default('EUR'),
  cardToken: z
    .string()
    .regex(/^tok_[A-Za-z0-9_]{1,60}$/, 'Not a card token, such as tok_visa.')
    .refine((token) => !/\d{12}/.test(token), 'This may be a card number. Send a token, never the number.'),
  shipTo: z.strictObject({
    country: z.string().regex(/^[A-Z]{2}$/, 'Not an ISO 3166-1 alpha-2 code, such as DE.'),
    name: line(100).default(''),
    street: line(200).default(''),
    city: line(100).default(''),
    postalCode: line(20).default(''),
  }),
})

/** An order as it was asked for, defaults filled in. */
export type OrderRequest = z.output<typeof orderRequest>

/** One line of text that every database and every screen can show. */
function line(lengthMax: number) {
  return z
    .string()
    .max(lengthMax)
    .regex(/^[^\p{Control}\p{Surrogate}]*$/u, 'Holds a control character or half of a surrogate pair.')
}
