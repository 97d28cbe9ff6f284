/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

// Tests run on the TypeScript sources: every workspace package exports its `src` under the
// condition `@troupe/source`, so a test never sees a stale build. Only tests that start
// processes use `dist`, which `pnpm test` builds first.
//
// `TROUPE_STACK` moves tests to another stack: `testcontainers` starts one for all files (from `dist`, since
// Jest loads a set-up without the transform below), `external` uses one that runs already.
const { TROUPE_STACK: stack = 'embedded' } = process.env
const sharedStack: Config = {
  globalSetup: '<rootDir>/packages/testing/dist/jest/global-setup.js',
  globalTeardown: '<rootDir>/packages/testing/dist/jest/global-teardown.js',
}

// With planted bugs the sources are edited before they are compiled: `pnpm mutants`.
const compiler = process.env['TROUPE_GRAFTS'] ? '<rootDir>/chaos/dist/graft/jest-transform.js' : '@swc/jest'

const config: Config = {
  roots: [
    '<rootDir>/packages',
    '<rootDir>/services',
    '<rootDir>/schemas',
    '<rootDir>/bench',
    '<rootDir>/chaos',
  ],
  testMatch: ['**/src/**/*.test.ts'],
  // They need Docker: `pnpm test:containers`.
  testPathIgnorePatterns: stack === 'testcontainers' ? [] : ['\\.container\\.test\\.ts$'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      compiler,
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Jest's default would leave one core of two to wait.
  maxWorkers: '100%',
  // What hangs longer than that has left something open; on a machine that does much else, half a second is nothing.
  workerGracefulExitTimeout: 10_000,
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@troupe/source', 'node', 'node-addons'] },
  ...(stack === 'testcontainers' ? sharedStack : {}),
  // For what hangs, on a machine that does much else: what a test waits for has a limit of its own, which says what it was.
  testTimeout: 300_000,
}

export default config
