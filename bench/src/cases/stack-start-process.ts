// A process that starts a stack, tells its parent how long that took, stops it and ends.
import { startStack } from '@troupe/embedded'

const [cacheDir] = process.argv.slice(2)
let isLeft = false
process.once('disconnect', () => {
  isLeft = true
})

const stack = await startStack(cacheDir === undefined ? {} : { postgres: { cacheDir } })
if (!isLeft) process.send?.(stack.timings)
await stack.stop()
if (!isLeft) process.disconnect()
