// The runtime's own code on a model of the world, where everything that can fail does: many short lives, each
// out of one seed. More of them: node packages/runtime/dist/simulation/main.test.kit.js --help
import { describe, expect, it } from '@jest/globals'
import { noFaults } from './faults.test.kit.ts'
import { againOf, type Scenario, scenarios } from './scenarios.test.kit.ts'
import { simulate } from './simulate.test.kit.ts'

const seedsPerScenario = 8

describe('the simulated company', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (_name, scenario) => {
    for (let seed = 1; seed <= seedsPerScenario; seed++) {
      const { violations } = await simulate(seed, scenario.faults)
      expect({ again: againOf(scenario, seed), violations }).toEqual({
        again: againOf(scenario, seed),
        violations: [],
      })
    }
  })

  it('does all that is asked of it, and says nothing twice, where nothing fails', async () => {
    const { violations, facts } = await simulate(1, { ...noFaults, banks: 1 })
    expect(violations).toEqual([])
    expect(facts.duplicates).toBe(0)
    expect(facts.events).toBeGreaterThan(20)
  })

  it('lives the same life again out of the same seed, and another one out of another', async () => {
    const { faults } = scenarios.at(-1) as Scenario
    const hashes = [await simulate(7, faults), await simulate(7, faults), await simulate(8, faults)].map(
      ({ traceHash }) => traceHash,
    )
    expect(hashes[1]).toBe(hashes[0])
    expect(hashes[2]).not.toBe(hashes[0])
  })
})
