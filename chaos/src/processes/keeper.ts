// Sees to it that nothing outlives the process that started it, not even what is frozen: who sleeps does not
// notice that its parent is gone.
//
// It is a shell, which leads a session of its own and reads from a pipe whose only writer is the parent.
//
// | the pipe says | keeper                                        |
// | `has N`       | remembers the process                         |
// | `gone N`      | forgets it                                    |
// | closes        | the parent is gone: SIGKILL to who is left    |
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

const script = `
trap '' HUP INT QUIT TERM
all=
while read -r word pid; do
  case $word in
    has) all="$all $pid" ;;
    gone)
      rest=
      for one in $all; do [ "$one" = "$pid" ] || rest="$rest $one"; done
      all=$rest
      ;;
  esac
done
for one in $all; do kill -9 "$one"; done`

export interface Keeper {
  has(pid: number): void
  gone(pid: number): void
}

/** Runs as long as it has somebody to keep. */
export function createKeeper(): Keeper {
  const kept = new Set<number>()
  let shell: ChildProcess | undefined

  function begin(): ChildProcess {
    const one = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    // Without it, all is as it would be: only a parent that is killed would leave something behind.
    one.on('error', () => {})
    one.stdin.on('error', () => {})
    one.unref()
    ;(one.stdin as Socket).unref()
    return one
  }

  return {
    has(pid) {
      kept.add(pid)
      shell ??= begin()
      shell.stdin?.write(`has ${pid}\n`)
    },
    gone(pid) {
      if (!kept.delete(pid)) return
      shell?.stdin?.write(`gone ${pid}\n`)
      if (kept.size > 0) return
      shell?.stdin?.end()
      shell = undefined
    },
  }
}
