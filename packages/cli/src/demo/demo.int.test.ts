import { afterEach, describe, expect, it } from '@jest/globals'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer } from 'node:net'
import { execFileSync } from 'node:child_process'
import { mixedOrders } from '../load/mixed-orders.ts'
import {
  dataFolderOf,
  familyOf,
  startTroupe,
  stopAllTroupes,
  survivorsOf,
  troupe,
} from './demo-process.test.kit.ts'
import type { DemoReport } from './demo-report.ts'

// These start the whole ecosystem from `dist`, as users do.
const slowMs = 300_000

afterEach(stopAllTroupes, slowMs)

/** What services have complained about, out of what `--verbose` prints. */
function complaintsIn(stderr: string): readonly string[] {
  const all = stderr.split('\n').filter((line) => /^(?:order|payment|inventory|shipping) +\w+ /.test(line))
  // Where nothing is found, it was not looked for: each service says at least that it runs.
  expect(new Set(all.map((line) => line.split(' ')[0]))).toHaveProperty('size', 4)
  return all.filter((line) => !/^\w+ +(?:debug|info) /.test(line))
}

describe('troupe demo', () => {
  it(
    'plays every story as it should be, with no complaint in any log, and prints one JSON document',
    async () => {
      const demo = startTroupe('demo', '--once', '--json', '--verbose')
      expect([await demo.ended, demo.stderr()]).toEqual([0, expect.stringContaining('Up after')])
      expect(complaintsIn(demo.stderr())).toEqual([])
      const report = JSON.parse(demo.stdout()) as DemoReport
      expect(report.ok).toBe(true)
      expect(report.stories.map(({ name, expected, outcome, ok }) => [name, expected, outcome, ok])).toEqual([
        ['completed', 'completed', 'completed', true],
        ['card declined', 'cancelled', 'cancelled', true],
        ['out of stock', 'cancelled', 'cancelled', true],
        ['address not served', 'cancelled', 'cancelled', true],
        ['posted twice', 'completed', 'completed', true],
        ['service away', 'completed', 'completed', true],
      ])
      const reverse = report.stories.find(({ name }) => name === 'address not served')
      expect(reverse?.events.map(({ type, service }) => `${service}: ${type}`)).toEqual([
        'order: OrderReceived',
        'payment: PaymentProcessed',
        'inventory: InventoryReserved',
        'shipping: ShippingFailed',
        'inventory: InventoryReleased',
        'payment: PaymentRefunded',
        'order: OrderCancelled',
      ])
      for (const { events } of report.stories) {
        expect(events.map(({ ms }) => ms)).toEqual(events.map(({ ms }) => ms).toSorted((a, b) => a - b))
      }
      expect(report.stories.flatMap(({ sagas }) => sagas)).toHaveLength(10)
      expect(report.balance.ok).toBe(true)
      expect(report.balance.sums).toMatchObject({
        ordersReceived: 10,
        ordersCompleted: 7,
        ordersCancelled: 3,
      })
      expect(report.timings.totalMs).toBeGreaterThan(0)
    },
    slowMs,
  )

  it(
    'leaves no process and no folder behind after Ctrl-C in the middle of a story',
    async () => {
      const demo = startTroupe('demo')
      await demo.says(/PaymentProcessed/)
      const family = familyOf(demo.child.pid ?? 0)
      expect(family.filter(({ command }) => command.includes('main.js'))).toHaveLength(5)
      demo.child.kill('SIGINT')
      expect(await demo.ended).toBe(130)
      expect(await survivorsOf(family, 0)).toEqual([])
      expect(existsSync(dirname(dataFolderOf(family)))).toBe(false)
    },
    slowMs,
  )

  it(
    'leaves nothing behind when a second Ctrl-C does not wait for the first',
    async () => {
      const demo = startTroupe('demo')
      await demo.says(/PaymentProcessed/)
      const family = familyOf(demo.child.pid ?? 0)
      demo.child.kill('SIGINT')
      demo.child.kill('SIGINT')
      expect(await demo.ended).toBe(130)
      expect(await survivorsOf(family, 60_000)).toEqual([])
      expect(existsSync(dirname(dataFolderOf(family)))).toBe(false)
    },
    slowMs,
  )

  it(
    'leaves nothing behind when it is killed',
    async () => {
      const demo = startTroupe('demo')
      await demo.says(/PaymentProcessed/)
      const family = familyOf(demo.child.pid ?? 0)
      demo.child.kill('SIGKILL')
      expect(await demo.ended).toBe('SIGKILL')
      expect(await survivorsOf(family, 60_000)).toEqual([])
      expect(existsSync(dirname(dataFolderOf(family)))).toBe(false)
    },
    slowMs,
  )

  it(
    'stays up, draws what its curl line orders, opens the admin API that it names, and says which service died',
    async () => {
      const demo = startTroupe('demo')
      await demo.says(/Place an order/)
      const curl = /^curl .*$/m.exec(demo.stdout())?.[0] ?? ''
      expect(execFileSync('/bin/sh', ['-c', `${curl} -s`], { encoding: 'utf8' })).toMatch(/^HTTP\/1.1 202/)
      await demo.says(/Place an order[^]*order [0-9a-f-]{36}\n[^]*OrderReceived[^]*OrderCompleted/)

      const asked = /^TROUPE_ADMIN_TOKEN=.*$/m.exec(demo.stdout())?.[0] ?? ''
      const here = asked.replace('npx -y pnpm@10.34.9 troupe', `${process.execPath} ${troupe}`)
      expect(execFileSync('/bin/sh', ['-c', `${here} --json`], { encoding: 'utf8' })).toBe('[]\n')

      const shipping = familyOf(demo.child.pid ?? 0).find(({ command }) => command.includes('shipping'))
      process.kill(shipping?.pid ?? Number.NaN, 'SIGKILL')
      expect(await demo.ended).toBe(1)
      expect(demo.stderr()).toMatch(/shipping ended unexpectedly \(SIGKILL\)\. Its last lines:\n {2}info: /)
    },
    slowMs,
  )

  it(
    'plays many orders, goes on where it was on a folder that it kept, and refuses one that is in use',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'troupe-keep-'))
      try {
        const first = startTroupe(
          'demo',
          '--once',
          '--json',
          '--verbose',
          '--orders',
          '60',
          '--seed',
          '7',
          '--keep',
          dir,
        )
        expect([await first.ended, first.stderr()]).toEqual([0, expect.stringContaining('seed 7')])
        expect(complaintsIn(first.stderr())).toEqual([])
        const { ok, load } = JSON.parse(first.stdout()) as DemoReport
        expect([ok, load?.count, load?.seed]).toEqual([true, 60, 7])
        const kinds = [...mixedOrders(60, 7)].map(({ kind }) => kind)
        for (const [kind, counted] of Object.entries(load?.kinds ?? {})) {
          const placed = kinds.filter((one) => one === kind).length
          expect([kind, counted]).toEqual([kind, { placed, asExpected: placed }])
        }

        const second = startTroupe('demo', '--json', '--orders', '10', '--keep', dir)
        await second.says(/\n/)
        const { balance, addresses } = JSON.parse(second.stdout()) as DemoReport
        expect([balance.ok, balance.sums.ordersReceived]).toEqual([true, 70])
        expect(JSON.stringify(addresses)).not.toMatch(/:[^/@]+@/)

        const third = startTroupe('demo', '--keep', dir)
        expect(await third.ended).toBe(1)
        expect(third.stderr()).toContain(`in use by process ${second.child.pid}`)
        second.child.kill('SIGTERM')
        expect(await second.ended).toBe(0)
      } finally {
        await stopAllTroupes()
        rmSync(dir, { recursive: true, force: true })
      }
    },
    slowMs,
  )

  it('refuses a port that is taken, and says which option to change', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { readonly port: number }
    try {
      const demo = startTroupe('demo', '--registry', `127.0.0.1:${port}`)
      expect(await demo.ended).toBe(2)
      expect(demo.stderr()).toContain(`--registry: cannot listen on 127.0.0.1:${port}`)
    } finally {
      server.close()
    }
  })
})
