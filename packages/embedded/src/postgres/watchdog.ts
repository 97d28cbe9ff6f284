// Sees to it that a server does not outlive the process that started it.
//
// It is a shell: initdb needs /bin/sh anyhow, it takes 1 MB where a Node process takes 40, and being
// text it works from `src` and `dist` alike. It leads a session of its own, so a Ctrl-C in the
// terminal does not reach it, and holds the reading end of a pipe whose only writer is the parent.
//
// | the pipe says  | watchdog                                                              |
// | `pid N`        | remembers which process to end                                        |
// | `bye`          | ends: the parent has cleaned up by itself                             |
// | closes         | the parent is gone: stops the server (fast, then immediate, then      |
// |                | kill), removes the folder if it is a throwaway, ends                  |
import { spawn } from 'node:child_process'

const script = `
trap '' HUP INT QUIT
data=$1 throwaway=$2 pid=
while read -r word value; do
  case $word in
    pid) pid=$value ;;
    bye) exit 0 ;;
  esac
done
if [ -z "$pid" ]; then
  # The parent died between starting the server and saying so: give it time to write its pid.
  sleep 1
  read -r pid <"$data/postmaster.pid"
fi
stop() {
  tenths=$2
  kill -0 "$pid" && [ -e "$data/postmaster.pid" ] || return
  kill "-$1" "$pid"
  while [ "$tenths" -gt 0 ] && [ -e "$data/postmaster.pid" ] && kill -0 "$pid"; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
}
if [ -n "$pid" ]; then
  stop INT 100
  stop QUIT 50
  stop KILL 20
fi
if [ -n "$throwaway" ]; then rm -rf -- "$throwaway"; fi
`

/** The watchdog of one server. */
export interface Watchdog {
  /** The watchdog's own process. */
  readonly pid: number | undefined
  /** Names the server's process, right after it was started. */
  guard(pid: number): void
  /** The server is stopped and cleaned up: ends the watchdog, and waits until it has ended. */
  dismiss(): Promise<void>
}

/**
 * Starts a watchdog for the server on `dataFolder`; when the parent dies, `throwawayFolder` (if any)
 * is removed after the server has stopped. There is none on Windows: it has no /bin/sh.
 */
export function startWatchdog(
  dataFolder: string,
  throwawayFolder: string | undefined,
  onTrouble: (message: string) => void,
): Watchdog {
  if (process.platform === 'win32') return { pid: undefined, guard: () => {}, dismiss: async () => {} }
  const child = spawn(
    '/bin/sh',
    ['-c', script, 'embedded-postgres-watchdog', dataFolder, throwawayFolder ?? ''],
    {
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  )
  let isDismissed = false
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      onTrouble(`The watchdog did not start: ${error.message}. A crash will leave PostgreSQL running.`)
      resolve()
    })
    child.once('exit', (code, signal) => {
      if (!isDismissed) {
        onTrouble(`The watchdog ended (${signal ?? code}). A crash will leave PostgreSQL running.`)
      }
      resolve()
    })
  })
  // A write to a watchdog that is gone fails with EPIPE; its exit has been reported already.
  child.stdin.on('error', () => {})
  // The server keeps the parent's event loop alive, its watchdog does not.
  child.unref()
  return {
    pid: child.pid,
    guard: (pid) => void child.stdin.write(`pid ${pid}\n`),
    dismiss: async () => {
      isDismissed = true
      child.stdin.end('bye\n')
      child.ref()
      await exited
    },
  }
}
