// Compiled, never run: each @ts-expect-error is an assertion about what does not compile.
import { command, document, service } from '@troupe/core'
import { InventoryFailed, InventoryReserved } from '@troupe-demo/schemas'
import { specify } from './given.ts'
import { like } from './given-like.ts'

const stock = document({ name: 'stock', initial: () => ({ free: 0, held: 0 }) })
const restock = command({ emits: [], react: ({ sku }: { sku: string }) => ({ sku, free: 1 }) })
const { given, when, whenAsked } = specify(
  service({ name: 'inventory', reactions: {}, commands: { restock } }),
)
const failed = InventoryFailed({ orderId: 'o1', reason: 'none' })

given(stock('book'), { free: 1, held: 0 })
  .when(failed)
  .then()
  .thenDocument(stock('book'), { free: 1, held: 0 })
whenAsked(restock, { sku: 'book' }).thenAnswers({ sku: 'book', free: 1 })
when(failed).then(like(InventoryReserved, { items: [{ sku: 'book' }], shipTo: {} }), failed)

// @ts-expect-error: a document keeps its type
given(stock('book'), { free: 1 })
// @ts-expect-error: also where it is expected
when(failed).thenDocument(stock('book'), { free: 'one', held: 0 })
// @ts-expect-error: an event type is not an event
when(InventoryFailed)
// @ts-expect-error: nor is it one where it is expected
when(failed).then(InventoryFailed)
// @ts-expect-error: the event has no such field
like(InventoryFailed, { cause: 'none' })
// @ts-expect-error: nor one of this type, at any depth
like(InventoryReserved, { items: [{ quantity: 'two' }] })
// @ts-expect-error: a command's input keeps its type
whenAsked(restock, { sku: 1 })
// @ts-expect-error: and so does its answer
whenAsked(restock, { sku: 'book' }).thenAnswers({ sku: 'book' })
// @ts-expect-error: an outcome is one of a closed list
when(failed).thenOutcome('ignored')

export const awaited = async (): Promise<void> => {
  // @ts-expect-error: a story is synchronous
  await when(failed) // oxlint-disable-line typescript/await-thenable -- that it is refused is what is tested
}
