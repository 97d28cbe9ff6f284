/** Does something once a service has been quiet for a while; every touch starts the wait anew. */
export interface Sweeper {
  touch(): void
  stop(): void
}

/** @param sweep must not reject */
export function createSweeper(sweep: () => Promise<void>, quietMs: number): Sweeper {
  let timer: NodeJS.Timeout | undefined
  return {
    touch() {
      timer ??= setTimeout(() => {
        timer = undefined
        void sweep()
      }, quietMs).unref()
      timer.refresh()
    },
    stop() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
