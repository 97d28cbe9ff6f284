// Starts a process, freezes it, and waits to be killed itself. Run from `dist`.
import { startChild } from './child.ts'

const [main = '', logFile = ''] = process.argv.slice(2)
const child = startChild({ main, logFile, environment: {} })
child.signal('SIGSTOP')
process.stdout.write(`${child.pid}\n`)
setInterval(() => {}, 60_000)
