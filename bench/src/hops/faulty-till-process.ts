// The till with a bug: it cannot charge orders of a certain name, until somebody mends it by a message. Says where its
// admin API is when it is asked.
import { environment, run } from '@troupe/runtime'
import { isFaulty } from './faulty-orders.ts'
import { tillWith } from './till.ts'

let isBroken = true

const running = await run(
  tillWith((orderId) => {
    if (isBroken && isFaulty(orderId)) throw new Error('There is no such card.')
  }),
  environment(),
)

process.on('message', (message) => {
  if (message === 'admin') process.send?.(running.adminUrl)
  if (message !== 'break' && message !== 'mend') return
  isBroken = message === 'break'
  process.send?.(message)
})
// A listener keeps the channel, and with it the process: this one must not.
process.channel?.unref()
