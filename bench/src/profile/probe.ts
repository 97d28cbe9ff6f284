// Loaded into a process before its own modules (`node --import`): tells its parent where its processor time
// goes, from one question to the next. Costs nothing until it is asked.
import { Session } from 'node:inspector/promises'
import { cpuUseOf } from './cpu-profile.ts'

const samplingIntervalUs = 500
let session: Session | undefined

process.on('message', (message) => {
  if (message === 'profile') void begin()
  if (message === 'profiled') void end()
})
// A listener keeps the channel, and with it the process: this one must not.
process.channel?.unref()

async function begin(): Promise<void> {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: samplingIntervalUs })
  await session.post('Profiler.start')
  process.send?.('profiling')
}

async function end(): Promise<void> {
  if (!session) return
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  session = undefined
  process.send?.(cpuUseOf(profile))
}
