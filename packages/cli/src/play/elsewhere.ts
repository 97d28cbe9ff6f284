import { TroupeError } from '@troupe/core'
import type { Stage } from '../stories/play-story.ts'

/** Services that somebody else runs: from here they can be spoken to, not started or stopped. */
export const elsewhere: Stage['ecosystem'] = {
  stopService: refuse,
  startService: refuse,
  // They die unheard of: what they no longer do is seen.
  failed: new Promise<never>(() => {}),
}

function refuse(name: string): Promise<never> {
  return Promise.reject(
    new TroupeError('TROUPE_SERVICE_NOT_FOUND', `${name} runs elsewhere and cannot be stopped from here.`),
  )
}
