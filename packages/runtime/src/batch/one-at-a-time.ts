/** Does one thing after the other, whatever became of the one before. */
export type InTurn = (work: () => Promise<void>) => Promise<void>

export function oneAtATime(): InTurn {
  let underWay: Promise<void> = Promise.resolve()
  return (work) => {
    const mine = underWay.then(work)
    underWay = mine.catch(() => {})
    return mine
  }
}
