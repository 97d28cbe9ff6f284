import { readdir, readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { type Promql, readPromql } from './promql.test.kit.ts'

// Alerts and dashboard as data, where the images that they are for cannot be had.

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly w: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[]
}

const folder = new URL('../', import.meta.url)
const metricsFolder = '../packages/runtime/src/observe/'
const read = (file: string) => readFile(new URL(file, folder), 'utf8')

let rules: readonly Rule[]
let panels: readonly Panel[]
/** What services measure, with the labels of each; Prometheus adds `job`, `instance` and the `service` it asked. */
const measured = new Map<string, readonly string[]>()
const added = ['service', 'job', 'instance']

beforeAll(async () => {
  rules = (
    parse(await read('prometheus/troupe.rules.yml')) as {
      groups: readonly { rules: readonly Rule[] }[]
    }
  ).groups.flatMap((group) => group.rules)
  panels = (JSON.parse(await read('grafana/dashboards/troupe.json')) as { panels: readonly Panel[] }).panels
  const sources = (await readdir(new URL(metricsFolder, folder))).filter((file) =>
    /^metrics(?:-\w+)?\.ts$/.test(file),
  )
  const code = (await Promise.all(sources.map((file) => read(metricsFolder + file)))).join('\n')
  const names = new Map(
    [...code.matchAll(/^ {2}(\w+): '((?:troupe|kafka)_\w+)',$/gm)].map((m) => [m[1], m[2]]),
  )
  for (const [, key, body = ''] of code.matchAll(/name: metricNames\.(\w+),((?:.*\n){1,4})/g)) {
    const labels = /labelNames: \[(.*)\]/.exec(body)?.[1]?.match(/\w+/g) ?? []
    measured.set(String(names.get(key)), [...labels])
  }
  for (const own of ['up', 'process_resident_memory_bytes']) measured.set(own, [])
})

/** What an expression asks for that nobody measures. */
function unmeasuredIn({ metrics, labels }: Promql): readonly string[] {
  const series = metrics.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''))
  const known = new Set([...added, 'le', ...series.flatMap((name) => measured.get(name) ?? [])])
  return [...series.filter((name) => !measured.has(name)), ...labels.filter((label) => !known.has(label))]
}

describe('PromQL', () => {
  it.each(['sum by (service) (rate(up[1m])', 'rate(up[1x])', 'up{service=payment}', 'sum byy (a) (up)'])(
    'that Prometheus would not read is refused: %s',
    (expression) => {
      expect(() => readPromql(expression)).toThrow('no PromQL from')
    },
  )
})

describe('the alerts of Prometheus', () => {
  it('are read from the file that Prometheus is told of', async () => {
    const { rule_files: files } = parse(await read('prometheus/prometheus.yml')) as { rule_files: string[] }
    expect(files).toEqual(['/etc/prometheus/troupe.rules.yml'])
    expect(rules.length).toBeGreaterThan(5)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })

  it('ask in PromQL for what services measure, by labels that it has', () => {
    expect(rules.map(({ alert, expr }) => [alert, unmeasuredIn(readPromql(expr))])).toEqual(
      rules.map(({ alert }) => [alert, []]),
    )
  })

  it('each have a line in the guide that says what to do then', async () => {
    const told = [...(await read('../docs/deployment.md')).matchAll(/^\| `(Troupe\w+)`: /gm)].map(
      ([, name]) => name,
    )
    expect(new Set(told)).toEqual(new Set(rules.map(({ alert }) => alert)))
  })

  it('say what they mean in words, and name labels that are left', () => {
    for (const { alert, expr, labels, annotations, ...rest } of rules) {
      expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(page|ticket)$/)])
      expect(rest.for ?? '1m').toMatch(/^\d+[smh]$/)
      const { groupedBy, metrics } = readPromql(expr)
      const left = groupedBy ?? [...added, ...metrics.flatMap((name) => measured.get(name) ?? [])]
      const said = `${annotations.summary} ${annotations.description}`
      const named = [...said.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => String(label))
      expect([alert, named.filter((label) => !left.includes(label))]).toEqual([alert, []])
      expect(annotations.description.length).toBeGreaterThan(20)
    }
  })
})

describe('the dashboard of Grafana', () => {
  it('draws, in PromQL, what services measure, by labels that it has', () => {
    const targets = panels.flatMap(({ title, targets: all = [] }) => all.map((one) => ({ title, ...one })))
    expect(targets.length).toBeGreaterThan(5)
    for (const { title, expr, legendFormat = '' } of targets) {
      const asked = readPromql(expr)
      expect([title, unmeasuredIn(asked)]).toEqual([title, []])
      const left = asked.groupedBy ?? added
      const named = [...legendFormat.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label]) => String(label))
      expect([title, named.filter((label) => !left.includes(label))]).toEqual([title, []])
    }
  })

  it('has panels that lie in its grid, each with a number of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
  })

  it('is found where Grafana is told to look, with a data source of the name that it asks', async () => {
    const [sources, providers] = await Promise.all([
      read('grafana/provisioning/datasources/prometheus.yml'),
      read('grafana/provisioning/dashboards/troupe.yml'),
    ])
    const { datasources } = parse(sources) as { datasources: readonly { uid: string; url: string }[] }
    expect(datasources[0]).toMatchObject({ url: 'http://prometheus:9090' })
    const used = (await read('grafana/dashboards/troupe.json')).match(/"uid": "([^"]+)"/g) ?? []
    expect(new Set(used)).toContain(`"uid": "${datasources[0]?.uid}"`)
    expect(JSON.stringify(parse(providers))).toContain('/etc/grafana/dashboards')
    expect(await readdir(new URL('grafana/dashboards', folder))).toEqual(['troupe.json'])
  })
})
