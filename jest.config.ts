/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

// Tests run on the TypeScript sources: every workspace package exports its `src` under the
// condition `@troupe/source`, so a test never sees a stale build. Only tests that start
// processes use `dist`, which `pnpm test` builds first.
const config: Config = {
  roots: ['<rootDir>/packages', '<rootDir>/services', '<rootDir>/schemas', '<rootDir>/bench'],
  testMatch: ['**/src/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@troupe/source', 'node', 'node-addons'] },
  testTimeout: 30_000,
}

export default config
