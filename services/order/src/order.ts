import { service } from '@troupe/core'
import { cancelOrder } from './cancel-order.ts'
import { completeOrder } from './complete-order.ts'
import { placeOrder } from './place-order.ts'

export const order = service({
  name: 'order',
  commands: { placeOrder },
  reactions: { completeOrder, cancelOrder },
})
