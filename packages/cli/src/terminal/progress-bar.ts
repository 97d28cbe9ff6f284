import { Presets, SingleBar } from 'cli-progress'
import type { Terminal } from './terminal.ts'

export interface ProgressBar {
  readonly update: (done: number) => void
  readonly stop: () => void
}

/**
 * A bar on stderr where somebody watches; a line now and then where nobody does.
 *
 * @param what is counted, and has been done: `sagas ended`
 */
export function progressBar(total: number, what: string, terminal: Terminal): ProgressBar {
  if (!terminal.isWatched) return lines(total, what, terminal)
  const bar = new SingleBar(
    {
      format: `{bar} {percentage} %  {value}/{total} ${what}  {duration} s`,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: true,
      stream: process.stderr,
      fps: 10,
    },
    Presets.shades_classic,
  )
  bar.start(total, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}

function lines(total: number, what: string, terminal: Terminal): ProgressBar {
  let nextTenth = 1
  return {
    update(done) {
      if (done < (total * nextTenth) / 10) return
      nextTenth = Math.floor((done * 10) / total) + 1
      terminal.note(`${done}/${total} ${what}`)
    },
    stop() {},
  }
}
