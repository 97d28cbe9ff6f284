/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'
import base from '../jest.config.ts'

// Tests that build images and start containers: minutes, not seconds. `pnpm test:compose` runs them.
const config: Config = {
  ...base,
  rootDir: '..',
  roots: ['<rootDir>/compose'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
  testTimeout: 600_000,
}

export default config
