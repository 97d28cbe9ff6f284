import { readFile } from 'node:fs/promises'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'

const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8')

interface Bounds {
  readonly logging?: object
  readonly restart?: string
  readonly deploy?: { readonly resources?: { readonly limits?: object } }
}

describe('the files of docker compose', () => {
  it('name one version of Node and pnpm', async () => {
    const [dockerfile, env, manifest] = await Promise.all([
      read('Dockerfile'),
      read('.env'),
      read('package.json'),
    ])
    const { packageManager } = JSON.parse(manifest) as { packageManager: string }
    expect(/^NODE_IMAGE=(.+)$/m.exec(env)?.[1]).toBe(/^ARG NODE_IMAGE=(.+)$/m.exec(dockerfile)?.[1])
    expect(packageManager).toBe(`pnpm@${/^ARG PNPM_VERSION=(.+)$/m.exec(dockerfile)?.[1]}`)
  })

  it('take every image from .env, with a version', async () => {
    const [compose, env] = await Promise.all([read('docker-compose.yml'), read('.env')])
    for (const [, image] of compose.matchAll(/^\s+image: (.+)$/gm)) {
      const variable = /^\$\{([A-Z_]+_IMAGE):\?/.exec(String(image))?.[1]
      expect(variable).toBeDefined()
      expect(new RegExp(`^${variable}=\\S+:(?!latest$)\\S+$`, 'm').test(env)).toBe(true)
    }
  })

  it('ask every container whether it is well, but the one that plays and ends', async () => {
    const { services } = parse(await read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { readonly healthcheck?: { readonly test?: readonly string[] } }>
    }
    const unasked = Object.entries(services).filter(([, { healthcheck }]) => !healthcheck?.test?.length)
    expect(unasked.map(([name]) => name)).toEqual(['play'])
  })

  it('keep what a container logs, takes and starts again within bounds', async () => {
    const { services } = parse(await read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, Bounds>
    }
    for (const [name, { logging, restart, deploy }] of Object.entries(services)) {
      const bounds = { name, logging, limits: deploy?.resources?.limits, restart }
      expect(bounds).toEqual({
        name,
        logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
        limits: expect.objectContaining({ memory: expect.any(String), pids: expect.any(Number) }),
        // It plays and ends.
        restart: name === 'play' ? undefined : expect.stringMatching(/^(unless-stopped|on-failure:\d+)$/),
      })
    }
  })

  it('say of each password and token that it is for the demo only', async () => {
    const passwords = [...(await read('.env')).matchAll(/^\w+_(?:PASSWORD|TOKEN)=(.*)$/gm)].map(
      ([, value]) => value,
    )
    expect(passwords).toHaveLength(7)
    for (const password of passwords) expect(password).toMatch(/^demo-only-[a-z-]+$/)
  })

  it('have services send spans where the override for it says so, all of them, and nowhere else', async () => {
    const [compose, override] = await Promise.all([read('docker-compose.yml'), read('compose/tracing.yml')])
    expect(compose).not.toContain('OTEL_')
    expect(override).toContain('${OTEL_EXPORTER_OTLP_ENDPOINT:-http://jaeger:4318}')
    const named = [...compose.matchAll(/SERVICE: (\w+)/g)].map(([, name]) => String(name))
    // The gateway is somebody else's, and sends none.
    const services = named.filter((name) => name !== 'gateway')
    expect(services.length).toBeGreaterThan(3)
    for (const name of services) expect(override).toContain(`\n  ${name}: *service\n`)
  })
})
