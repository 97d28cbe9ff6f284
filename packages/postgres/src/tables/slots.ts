/** Takes one of so many slots, first come first served; resolves to how to give it back. Rejects with the signal's reason. */
export type TakeSlot = (signal: AbortSignal) => Promise<() => void>

export function createSlots(max: number): TakeSlot {
  let free = max
  const waiting: (() => void)[] = []

  function giveBack(): void {
    const next = waiting.shift()
    if (next) next()
    else free += 1
  }

  return async (signal) => {
    signal.throwIfAborted()
    if (free > 0) free -= 1
    else {
      await new Promise<void>((resolve, reject) => {
        const come = () => {
          signal.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          waiting.splice(waiting.indexOf(come), 1)
          reject(signal.reason as Error)
        }
        waiting.push(come)
        signal.addEventListener('abort', leave, { once: true })
      })
    }
    let isGivenBack = false
    return () => {
      if (!isGivenBack) giveBack()
      isGivenBack = true
    }
  }
}
