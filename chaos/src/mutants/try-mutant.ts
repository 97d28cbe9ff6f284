// One planted bug, and whether anything notices: in processes of their own, so that a bug harms nobody else.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { graftsVariable } from '../graft/choose.ts'
import type { Mutant, Proof } from './mutant.ts'

export interface Verdict {
  /**
   * - `caught`: by a test or a check; `survived`: by none
   * - `broken`: neither can be said, because the proof itself did not run
   */
  readonly outcome: 'caught' | 'survived' | 'broken'
  /** The test that caught it, or what went wrong. */
  readonly by: string
  /** In the simulation: how many lives were lived until then. */
  readonly seeds?: number
  readonly tookMs: number
}

export interface TryOptions {
  readonly seeds: number
  readonly timeoutMs: number
}

const root = new URL('../../../', import.meta.url)
const simulation = 'packages/runtime/dist/simulation/main.test.kit.js'

/** @param mutant undefined for the code as it is, which has to pass */
export async function tryMutant(
  mutant: Mutant | undefined,
  proof: Proof,
  options: TryOptions,
): Promise<Verdict> {
  const beganMs = performance.now()
  const env = { ...process.env, [graftsVariable]: mutant?.name ?? '' }
  const found =
    'rows' in proof ? await simulated(proof.rows, env, options) : await tested(proof, env, options)
  return { ...found, tookMs: Math.round(performance.now() - beganMs) }
}

type Found = Omit<Verdict, 'tookMs'>

/** What the simulation says of one scenario. */
interface Life {
  readonly name: string
  readonly seeds: number
  readonly failed: { readonly violations: readonly { readonly check: string }[] } | null
}

async function simulated(
  rows: readonly number[],
  env: NodeJS.ProcessEnv,
  { seeds, timeoutMs }: TryOptions,
): Promise<Found> {
  const register = new URL('chaos/dist/graft/register.js', root).href
  const args = rows.flatMap((row) => ['--row', String(row)])
  const ran = await run(
    ['--import', register, simulation, '--json', '--bail', '--seeds', String(seeds), ...args],
    env,
    timeoutMs,
  )
  const lives = ran.out
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Life] : []))
  const lived = lives.reduce((sum, life) => sum + life.seeds, 0)
  const failed = lives.find((life) => life.failed)
  if (failed) {
    const [first] = failed.failed?.violations ?? []
    return { outcome: 'caught', by: `${failed.name} (${first?.check})`, seeds: lived }
  }
  if (ran.code !== 0) return { outcome: 'broken', by: ran.isLate ? 'it does not end' : lastLine(ran.err) }
  return { outcome: 'survived', by: lives.map(({ name }) => name).join('; '), seeds: lived }
}

/** As far as it is read here. */
interface JestResult {
  readonly numFailedTests: number
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

async function tested(
  { tests, titled }: Extract<Proof, { tests: string }>,
  env: NodeJS.ProcessEnv,
  { timeoutMs }: TryOptions,
): Promise<Found> {
  const title = titled === undefined ? [] : ['-t', titled]
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js']
  const ran = await run([...jest, '--json', '-i', tests, ...title], env, timeoutMs)
  if (ran.isLate || !ran.out.startsWith('{')) {
    return { outcome: 'broken', by: ran.isLate ? 'it does not end' : lastLine(ran.err) }
  }
  const result = JSON.parse(ran.out) as JestResult
  const failed = result.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed')
  if (failed) return { outcome: 'caught', by: failed.fullName }
  const [{ message } = { message: 'no test ran' }] = result.testResults
  if (result.numPassedTests === 0) return { outcome: 'broken', by: lastLine(message) }
  return { outcome: 'survived', by: tests }
}

function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<{ out: string; err: string; code: number | null; isLate: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: fileURLToPath(root), env })
    const read = { out: '', err: '', isLate: false }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (read.out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (read.err += text))
    const timer = setTimeout(() => {
      read.isLate = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ ...read, code })
    })
  })
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
