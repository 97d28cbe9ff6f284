/** Does something once a service has been quiet for a while; every touch starts the wait anew. */
export interface Sweeper {
  touch(): void
  /** Later touches do nothing. */
  stop(): void
}

/** @param sweep resolves to true when nothing is left; until then it is called again. Must not reject. */
export function createSweeper(sweep: () => Promise<boolean>, quietMs: number): Sweeper {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  function touch(): void {
    if (isStopped) return
    timer ??= setTimeout(() => {
      timer = undefined
      void sweep().then((isClean) => {
        if (!isClean) touch()
      })
    }, quietMs).unref()
    timer.refresh()
  }

  return {
    touch,
    stop() {
      isStopped = true
      clearTimeout(timer)
      timer = undefined
    },
  }
}
