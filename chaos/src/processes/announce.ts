/** Tells the parent that this process runs, and stops it on SIGTERM or when the parent is gone. */
export function announce(facts: Readonly<Record<string, unknown>>, stop: () => Promise<void>): void {
  let stopped: Promise<void> | undefined
  const end = () => {
    stopped ??= stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.once('SIGTERM', end)
  process.once('disconnect', end)
  process.send?.({ troupe: 'running', ...facts })
}
