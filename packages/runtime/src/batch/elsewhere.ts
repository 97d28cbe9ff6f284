import type { Elsewhere } from '@troupe/core'

/** Every part of a date differs by then, the day of the week too. */
const shiftMs = (400 * 86_400 + 3_661) * 1_000 + 7

/**
 * Runs something synchronous under a clock that is ahead by more than a year, and with other random numbers: what
 * reads either gives itself away. Everything is as it was when it returns or throws.
 */
export const elsewhere: Elsewhere = (run) => {
  const { Date: here, Math: math, performance: timer } = globalThis
  const { random } = math
  const elapsed = timer.now
  const now = () => here.now() + shiftMs
  globalThis.Date = new Proxy(here, {
    construct: (target, given, made) =>
      Reflect.construct(
        target,
        given.length === 0 ? [now()] : given,
        made === Date ? target : made,
      ) as object,
    apply: () => new here(now()).toString(),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  })
  math.random = () => 1 - random() / 2
  timer.now = () => elapsed.call(timer) + shiftMs
  try {
    return run()
  } finally {
    globalThis.Date = here
    math.random = random
    timer.now = elapsed
  }
}
