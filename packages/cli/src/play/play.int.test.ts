import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { startTroupe, stopAllTroupes } from '../demo/demo-process.test.kit.ts'
import { type Ecosystem, startEcosystem } from '../ecosystem/ecosystem.ts'

const namespace = 'review-7'
let ecosystem: Ecosystem

beforeAll(async () => {
  // As on a stack that others use too.
  ecosystem = await startEcosystem({ namespace })
})
afterEach(stopAllTroupes)
afterAll(() => ecosystem.stop())

/** The options that name this ecosystem. */
function addresses(other: Readonly<Record<string, string>> = {}): readonly string[] {
  const { stack, urlOf } = ecosystem
  const named = { kafka: stack.kafka.address, registry: stack.registry.url, namespace }
  const services = ['order', 'payment', 'inventory', 'shipping', 'gateway'].map((name) => [name, urlOf(name)])
  return Object.entries({ ...named, ...Object.fromEntries(services), ...other }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ])
}

describe('troupe play', () => {
  it('plays the stories against services that run elsewhere, and exits 0', async () => {
    const troupe = startTroupe('play', '--json', ...addresses())
    expect(await troupe.ended).toBe(0)
    const report = JSON.parse(troupe.stdout()) as { ok: boolean; stories: readonly { name: string }[] }
    expect(report).toMatchObject({ ok: true, troubles: [] })
    expect(report.stories.map(({ name }) => name)).toEqual([
      'completed',
      'card declined',
      'out of stock',
      'address not served',
      'posted twice',
    ])
    expect(troupe.stderr()).toContain('Not played: "service away", since nothing can be stopped from here.')
  })

  it('plays mixed orders, and counts what was there before', async () => {
    const troupe = startTroupe('play', '--orders', '20', '--seed', '7', '--json', ...addresses())
    expect(await troupe.ended).toBe(0)
    expect(JSON.parse(troupe.stdout())).toMatchObject({ ok: true, load: { ok: true, count: 20 } })
  })

  it('refuses a namespace that cannot be one, and says what can', async () => {
    const troupe = startTroupe('play', ...addresses({ namespace: 'Review.7' }))
    expect(await troupe.ended).toBe(2)
    expect(troupe.stderr()).toMatch(/--namespace.*"Review\.7" is not up to 32 lower-case letters/)
  })

  it('names a service that cannot be reached, and exits 1', async () => {
    const troupe = startTroupe('play', ...addresses({ payment: 'http://127.0.0.1:1' }))
    expect(await troupe.ended).toBe(1)
    expect(troupe.stderr()).toMatch(/GET http:\/\/127\.0\.0\.1:1\/readyz failed: .*ECONNREFUSED/)
  })

  it('names a broker that cannot be reached, and exits 1', async () => {
    const troupe = startTroupe('play', ...addresses({ kafka: '127.0.0.1:1' }))
    expect(await troupe.ended).toBe(1)
    expect(troupe.stderr()).toMatch(/Kafka at 127\.0\.0\.1:1 cannot be reached/)
  })
})
