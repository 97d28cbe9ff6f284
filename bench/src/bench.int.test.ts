import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { allCases } from './cases/all.ts'
import type { BenchDocument } from './report/document.ts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const benchMs = 900_000
const ofTheStory = ['stack', 'order', 'payment', 'inventory', 'shipping', 'postgresql', 'all']
const hopFigures = ['hops at saturation', 'half load', 'p50 at half load', 'p99 at half load']
const figuresWanted: Readonly<Record<string, readonly string[]>> = {
  'stack-start': ['cold', 'warm'].flatMap((heat) =>
    ['broker', 'registry', 'postgresql', 'all three'].map((part) => `${heat} ${part}`),
  ),
  'first-saga': ['first saga', 'stack and services start'],
  'idle-cpu': perProcess('idle'),
  memory: [...perProcess('idle'), ...perProcess('after the load')],
  'saga-latency': ['p50', 'p95', 'p99', 'max', 'sagas measured'],
  throughput: ['first sagas', 'warm sagas', 'warm hops', 'warm p50 under load', 'warm p99 under load'],
  'plain-kafkajs': ['p50 one at a time', 'p99 one at a time', 'first sagas', 'warm sagas', 'warm hops'],
  hops: [...hopFigures, ...perProcess('CPU per hop', ['stack', 'payment', 'postgresql', 'all'])],
  stages: ['receive', 'decode', 'recall', 'react', 'settle', 'relay'].flatMap((stage) => [
    `${stage} [ms a batch, saturated]`,
    `${stage} [ms a batch, half load]`,
    ...perProcess('[CPU of a hop]', [stage, 'database wire', 'all']),
  ]),
  records: ['encode', 'decode'].flatMap((way) =>
    ['ours', 'kafkajs', 'kafkajs / ours'].map((whose) => `${way} [${whose}]`),
  ),
  drain: ['process killed', 'database away'].flatMap((outage) =>
    ['drained', 'hops a second'].map((figure) => `${figure} [${outage}]`),
  ),
  history: ['hops a second', 'recall a batch', 'settle a batch', 'write-ahead log per hop'].flatMap(
    (figure) => ['young', 'old', 'old / young'].map((side) => `${figure} [${side}]`),
  ),
  deadlines: [
    ...['none', 'pending', 'pending / none'].map((side) => `hops a second [${side}]`),
    'lateness, mean',
    'fired within a second',
  ],
  neighbours: ['p50', 'p99'].flatMap((figure) =>
    ['none', 'one', 'many', 'one / none', 'many / none'].map((beside) => `${figure} [${beside}]`),
  ),
  parked: ['attempts after the first', 'late by, p50', 'late by, p99', 'late by, max'],
  redrive: ['redriven and applied'],
  baseline: [...hopFigures, ...perProcess('CPU per hop', ['stack', 'baseline', 'postgresql', 'all'])],
}

describe('pnpm bench', () => {
  it(
    'gives one complete document of positive numbers with --quick --json',
    async () => {
      const { code, stdout, stderr } = await run(['--quick', '--json'])
      expect({ code, problems: code === 0 ? '' : stderr }).toEqual({ code: 0, problems: '' })

      const document = JSON.parse(stdout) as BenchDocument
      expect(document).toMatchObject({ ok: true, isQuick: true, problems: [] })
      expect(Date.parse(document.date)).toBeGreaterThan(0)
      expect(document.machine).toMatchObject({ cpu: expect.any(String), cores: expect.any(Number) })
      expect(document.versions).toMatchObject({
        node: expect.stringMatching(/^\d+\./),
        kafkajs: expect.stringMatching(/^\d+\./),
        postgresql: expect.stringMatching(/^\d+/),
        fsync: 'on',
        synchronousCommit: 'on',
      })
      const unasked = allCases.filter(({ isOnlyWhenNamed }) => !isOnlyWhenNamed)
      expect(Object.keys(document.cases)).toEqual(unasked.map(({ name }) => name))
      for (const [name, wanted] of Object.entries(figuresWanted)) {
        expect(Object.keys(document.cases[name]?.figures ?? {})).toEqual(expect.arrayContaining([...wanted]))
      }
      expect(wrongFigures(document)).toEqual([])
      expect(Object.keys(document.ratios)).toEqual(
        expect.arrayContaining([
          'warm sagas a second, to plain kafkajs',
          'hops a second, to the baseline',
          'p99 at half of its own load, to the baseline',
        ]),
      )
    },
    benchMs,
  )

  it(
    'measures the cases that are named and no other, as much as it is told to, as a table',
    async () => {
      const { code, stdout, stderr } = await run(['records', '--quick', '--set', 'records.records=20'])
      expect(code).toBe(0)
      expect(stderr).toContain('20 records are')
      expect(stdout).toMatch(/^records: /m)
      expect(stdout).toMatch(/encode\s+[\d.]+\s+µs/)
      expect(stdout).not.toMatch(/plain/)
    },
    benchMs,
  )

  it(
    'says in a line each that it skips the real stack and containers where there is no Docker, and measures the rest',
    async () => {
      const { code, stdout, stderr } = await run(['real', 'harness', '--quick'], undefined, {
        DOCKER_HOST: 'tcp://127.0.0.1:1',
      })
      expect(code).toBe(0)
      expect(stderr).toMatch(/^real: SKIPPED the real stack: .*--kafka/m)
      expect(stdout).toMatch(/sagas +[\d.]+ sagas\/s/)
      expect(stdout).not.toContain('real / embedded')
      expect(stderr).toMatch(/^harness: SKIPPED containers: No Docker engine answers/m)
      expect(stdout).toMatch(/start to OrderCompleted +[\d.]+ ms/)
    },
    benchMs,
  )

  it('refuses half a real stack', async () => {
    const { code, stderr } = await run(['real', '--kafka', '127.0.0.1:9092'])
    expect(code).toBe(2)
    expect(stderr).toContain('give all three')
  })

  it('refuses a case that there is not, and says which there are', async () => {
    const { code, stdout, stderr } = await run(['stack-start', 'latency'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/no case "latency".*saga-latency/)
  })

  it('refuses a size that there is not, and says which there are', async () => {
    const { code, stdout, stderr } = await run(['--set', 'hops.rounds=many'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/"hops\.rounds=many" is not name=number.*hops\.rounds/)
  })

  it('lists every case in its help', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const { name } of allCases) expect(stdout).toMatch(new RegExp(`^ +${name} +\\S`, 'm'))
    expect(stdout).toContain('--json')
  })

  it(
    'stops on SIGTERM with what it has started, and says so with its exit code',
    async () => {
      const { code, stderr } = await run(['saga-latency'], (line, stop) => {
        if (line.includes('Measuring')) stop()
      })
      expect(code).toBe(143)
      expect(stderr).toContain('SIGTERM: stopping')
    },
    benchMs,
  )
})

/**
 * Processor time that was not used may be 0, and so may what is in time on a machine that does much else;
 * everything else may not. Without /proc nothing is known of processes.
 */
function wrongFigures({ cases, ratios }: BenchDocument): readonly string[] {
  return Object.entries({ ...cases, ratios: { figures: ratios } }).flatMap(([name, { figures }]) =>
    Object.entries(figures)
      .filter(([figure, { value }]) => {
        const isTime =
          / idle$| CPU per (saga|hop)( at half load)?( \[|$)|\[CPU of a hop\]$|^receive |^relay |^fired within /.test(
            figure,
          ) && name !== 'memory'
        return !(Number.isFinite(value) && (value > 0 || (isTime && value === 0)))
      })
      .map(([figure, { value }]) => `${name}: ${figure} is ${value}`),
  )
}

function perProcess(suffix: string, names: readonly string[] = ofTheStory): readonly string[] {
  if (process.platform !== 'linux') return []
  return names.map((name) => `${name} ${suffix}`)
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(
  words: readonly string[],
  onNote?: (line: string, stop: () => void) => void,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onNote?.(text, () => child.kill('SIGTERM'))
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
