import { afterEach, describe, expect, it } from '@jest/globals'
import { composeProblem } from './docker.ts'

describe('docker compose that cannot be used', () => {
  const { PATH: path = '' } = process.env
  afterEach(() => {
    process.env['PATH'] = path
  })

  it('because docker is not installed is one line that says so', async () => {
    process.env['PATH'] = '/nowhere'
    expect(await composeProblem()).toMatch(/^docker is not installed, or not in PATH\. Install .*\.$/)
  })
})
