// A slow consumer as a process of its own, for a test of how much memory it takes. Run from `dist`.
import type { Log } from '@troupe/core'
import { connectKafka } from '../client/client.ts'
import { createReceiver } from './receive.ts'

const [address = '', namespace = '', count = '0'] = process.argv.slice(2)
const silent = () => undefined
const log: Log = { debug: silent, info: silent, warn: silent, error: silent }
const within = namespace === '' ? {} : { namespace }

/** Slow where it counts: nothing is handled before no more is fetched. */
let goOn = (): void => undefined
const everythingIsFetched = new Promise<void>((resolve) => {
  goOn = resolve
})
const isStillAfterMs = 1_500
let waiting = 0
let peakWaiting = 0
let waitingSince = 0

let taken = 0
let peakBytes = 0
const connection = connectKafka({ clientId: 'backlog', brokers: [address], ...within }, log)
const receiver = createReceiver({
  connection,
  groupId: 'backlog',
  topics: ['order.events'],
  log,
  assign() {
    let isFirst = true
    return Promise.resolve({
      next: undefined,
      async take({ records }) {
        if (isFirst) await everythingIsFetched
        isFirst = false
        taken += records.length
      },
      release: () => Promise.resolve(),
    })
  },
})
const startBytes = process.memoryUsage.rss()
const timer = setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  const now = receiver.state.partitions.reduce((sum, lane) => sum + lane.waiting, 0)
  if (now !== waiting) waitingSince = performance.now()
  waiting = now
  peakWaiting = Math.max(peakWaiting, waiting)
  if (waiting > 0 && performance.now() - waitingSince > isStillAfterMs) goOn()
  if (taken < Number(count)) return
  clearInterval(timer)
  process.stdout.write(JSON.stringify({ taken, peakWaiting, startBytes, peakBytes }))
  void receiver.stop()
}, 10)
await receiver.start()
