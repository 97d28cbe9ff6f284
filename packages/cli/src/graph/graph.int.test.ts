import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { terminalOn } from '../terminal/terminal.ts'
import { graph, type GraphOptions } from './graph.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..')
let folder = ''

/** What a service is recognised by; a workspace of its own need not install this one's packages. */
const fake = (name: string) =>
  `export const it = Object.defineProperty({ name: '${name}', reactions: new Map(), commands: new Map(), deadlines: [], hears: [], says: [], ends: { completed: [], cancelled: [], aside: [] } }, Symbol.for('troupe.service'), { value: true })`

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-graph-'))
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), '')
  place(
    'services/alpha',
    { name: '@shop/alpha', exports: { '.': { import: './alpha.js' } } },
    'alpha.js',
    fake('alpha'),
  )
  place('services/plain', { name: 'plain', main: 'index.js' }, 'index.js', 'export const nothing = 1')
  place('services/tests', { name: 'tests' })
  place('other/unbuilt', { name: 'unbuilt', exports: './dist/index.js' })
  place('other/broken', { name: 'broken' }, 'index.js', 'throw new Error("no luck")')
  place('other/alpha', { name: 'also-alpha' }, 'index.js', fake('alpha'))
  place(
    'node_modules/beta',
    { name: 'beta', exports: { node: { default: './b.mjs' } } },
    'b.mjs',
    fake('beta'),
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function place(path: string, manifest: object, file?: string, text = ''): void {
  mkdirSync(join(folder, path), { recursive: true })
  writeFileSync(join(folder, path, 'package.json'), JSON.stringify({ type: 'module', ...manifest }))
  if (file) writeFileSync(join(folder, path, file), text)
}

async function run(packages: readonly string[], options: GraphOptions = {}, from = folder) {
  let stdout = ''
  let stderr = ''
  const terminal = terminalOn(
    { write: (text) => (stdout += text) },
    { write: (text) => (stderr += text) },
    { NO_COLOR: '1' },
  )
  const exitCode = await graph(packages, options, terminal, from)
  return { exitCode, stdout, stderr }
}

describe('troupe graph', () => {
  it('draws every service of the workspace, and leaves out packages without one', async () => {
    const { stdout, stderr } = await run([])
    expect(stdout).toBe('flowchart LR\n  alpha[alpha]\n')
    expect(stderr).toBe('services/plain exports no service and is left out.\n')
  })

  it('takes folders, names of installed packages and of services, and module files', async () => {
    for (const [named, service] of [
      ['services/alpha', 'alpha'],
      ['./services/alpha/alpha.js', 'alpha'],
      ['@shop/alpha', 'alpha'],
      ['beta', 'beta'],
    ] as const) {
      expect((await run([named])).stdout).toContain(`${service}[${service}]`)
    }
  })

  it('finds the workspace from a folder within it', async () => {
    expect((await run([], {}, join(folder, 'other'))).stdout).toContain('alpha[alpha]')
  })

  it.each([
    ['nothing/here', /There is no nothing\/here in/],
    ['missing-package', /missing-package is neither a file or folder here, nor an installed package/],
    ['services/plain', /services\/plain exports no service/],
    ['services/tests', /services\/tests exports no service/],
    ['other', /other has no package\.json/],
    ['other/unbuilt', /other\/unbuilt is not built: .*dist\/index\.js does not exist/],
    ['other/broken', /other\/broken could not be loaded: no luck/],
  ])('refuses %s and says why', async (named, message) => {
    await expect(run([named])).rejects.toThrow(message)
  })

  it('refuses two different services of one name', async () => {
    await expect(run(['services/alpha', 'other/alpha'])).rejects.toThrow(
      /Two different services are named alpha/,
    )
  })

  it('writes the picture into a file, and then finds it up to date', async () => {
    const file = join(folder, 'README.md')
    writeFileSync(file, '<!-- troupe graph -->\n<!-- /troupe graph -->\n')
    const drifted = await run([], { into: 'README.md', check: true })
    expect([drifted.exitCode, drifted.stderr]).toEqual([
      1,
      expect.stringContaining('Run: troupe graph --into README.md'),
    ])
    expect((await run([], { into: 'README.md' })).exitCode).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('alpha[alpha]')
    expect((await run([], { into: 'README.md', check: true })).exitCode).toBe(0)
  })

  it('refuses a file that cannot be read', async () => {
    await expect(run([], { into: 'NOPE.md' })).rejects.toThrow(/NOPE\.md, which --into names, cannot be read/)
  })

  it('reads the order story off its services', async () => {
    const { stdout } = await run([], { json: true }, root)
    const topology = JSON.parse(stdout) as { readonly services: readonly { readonly name: string }[] }
    expect(topology.services.map(({ name }) => name).toSorted()).toEqual([
      'inventory',
      'order',
      'payment',
      'shipping',
    ])
  })

  it('checks that in the order story everything is undone, whatever fails', async () => {
    const { exitCode, stdout, stderr } = await run([], { check: true }, root)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/payment.chargeCard +ShippingFailed +payment.refundCard +… InventoryReleased\n/)
    expect(stderr).toMatch(/Whatever fails, everything is undone: \d+ ways back, no flaw\.\n$/)
  })

  it('finds a demo whose refund no longer hears that stock was released, and says so also as JSON', async () => {
    const path = (to: string) => JSON.stringify(pathToFileURL(join(root, to)).href)
    writeFileSync(
      join(folder, 'planted.js'),
      `import { service, undo } from ${path('packages/core/dist/index.js')}
       import { payment as sound } from ${path('services/payment/dist/index.js')}
       const chargeCard = sound.reactions.get('OrderReceived').reaction
       const { undoes, on, emits, react } = sound.reactions.get('InventoryReleased').reaction
       const refundCard = undo(chargeCard, { undoes: undoes.done, on: on.filter(({ type }) => type !== 'InventoryReleased'), emits, react })
       export const payment = service({ name: 'payment', reactions: { chargeCard, refundCard } })`,
    )
    const others = ['order', 'inventory', 'shipping'].map((name) => join(root, 'services', name))
    const { exitCode, stdout, stderr } = await run(['./planted.js', ...others], { check: true })
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/payment.chargeCard +ShippingFailed +✗ nobody\n?/)
    expect(stderr).toContain('✗ not-undone: ShippingFailed does not lead to payment.refundCard')
    expect(stderr).toContain('✗ nobody-hears: Nobody hears InventoryReleased')

    const asData = await run(['./planted.js', ...others], { check: true, json: true })
    expect(asData.exitCode).toBe(1)
    const { flaws } = JSON.parse(asData.stdout) as { readonly flaws: readonly object[] }
    expect(flaws).toContainEqual(
      expect.objectContaining({ kind: 'not-undone', at: 'payment.chargeCard', event: 'ShippingFailed' }),
    )
  })
})
