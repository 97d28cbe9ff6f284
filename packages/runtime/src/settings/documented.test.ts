import { describe, expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { environment } from './environment.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

describe('the page on settings', () => {
  const page = read('../../../../docs/settings.md')
  const own = page.slice(0, page.indexOf('## Tracing'))

  it('lists every setting, and no other', () => {
    const sources = read('./environment.ts') + read('./secure-settings.ts')
    const known = [...sources.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name]) => name)
    const listed = [...own.matchAll(/^\| `([A-Z][A-Z_]+)`/gm)].map(([, name]) => name)
    expect(new Set(listed)).toEqual(new Set(known))
    expect(listed).toHaveLength(new Set(listed).size)
  })

  it('gives defaults that are the defaults', () => {
    const needed = {
      KAFKA_BROKERS: 'kafka:9092',
      SCHEMA_REGISTRY_URL: 'http://registry:8081',
      DATABASE_URL: 'postgres://order:secret@database/order',
    }
    const listed = [...own.matchAll(/^\| `([A-Z][A-Z_]+)` \| (?:(\d+)|`([^`]+)`) \|/gm)]
    const given = Object.fromEntries(listed.map(([, name, number, word]) => [name, number ?? word]))
    expect(environment({ ...needed, ...given })).toEqual(environment(needed))
    expect(listed.length).toBeGreaterThan(20)
  })
})

describe('the README', () => {
  it('names files that are there, and every folder', () => {
    const readme = read('../../README.md')
    const files = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' })
    const there = new Set(files.map((file) => basename(file, '.ts')))
    const section = readme.slice(readme.indexOf('## Files'))
    const named = [...section.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)
    expect(named.filter((name) => name !== 'src' && !there.has(String(name)))).toEqual([])
    const folders = readdirSync(new URL('..', import.meta.url)).filter((name) => !name.endsWith('.ts'))
    expect(folders.filter((folder) => !named.includes(folder))).toEqual([])
  })
})
