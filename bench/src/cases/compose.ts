import { type BuildContext, createBuildContext } from '../docker/build-context.ts'
import { type ComposeProject, createComposeProject } from '../docker/compose-project.ts'
import { composeProblem, docker } from '../docker/docker.ts'
import { type Figure, type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** What the images and `docker compose up --wait` cost. */
export const compose: BenchCase = {
  name: 'compose',
  title:
    'images of the four services and the troupe command; docker compose up --wait from built images, median',
  sizes: {
    ups: { full: 3, quick: 1, what: 'times that everything is started, with nothing there before' },
    starts: { full: 5, quick: 1, what: 'starts of one service, with tracing and without' },
    cold: { full: 1, quick: 0, what: 'builds without anything in the cache, which download every package' },
  },
  isOnlyWhenNamed: true,
  async run(scene) {
    const problem = await composeProblem()
    if (problem !== undefined) throw new Error(problem)
    const context = await createBuildContext()
    try {
      const project = await createComposeProject(scene.signal)
      try {
        return {
          ...(await builds(scene, project, context)),
          ...(await sizes(project)),
          ...(await ups(scene, project)),
          ...(await starts(scene, project)),
        }
      } finally {
        await project.remove()
      }
    } finally {
      await context.remove()
    }
  },
}

const edited = 'order'
const measured = 'shipping'

async function timed(work: () => Promise<unknown>): Promise<number> {
  const sinceMs = performance.now()
  await work()
  return performance.now() - sinceMs
}

const seconds = (ms: number): Figure => ({ value: ms / 1_000, unit: 's' })

async function builds(
  { size, note, signal }: Scene,
  { compose: run, name }: ComposeProject,
  { folder, edit }: BuildContext,
): Promise<Figures> {
  const figures: Record<string, Figure> = {}
  const build = async (what: string, work: () => Promise<unknown>) => {
    const ms = await timed(work)
    note(`${what}: ${(ms / 1_000).toFixed(1)} s`)
    figures[what] = seconds(ms)
  }
  const all = () => run(['--project-directory', folder, '--profile', 'play', 'build'], { cwd: folder })
  if (size('cold') > 0) {
    const tag = `${name}-cold`
    const words = ['build', '--no-cache', '--build-arg', `SERVICE=${edited}`, '--tag', tag, '.']
    try {
      await build('build of one image, cold', () => docker(words, { cwd: folder, signal }))
    } finally {
      await docker(['image', 'rm', '--force', tag])
    }
  }
  await build('build of all five, with packages in the cache', all)
  await edit(edited)
  await build('build of all five, after an edit', all)
  await build('build of all five, nothing changed', all)
  return figures
}

async function sizes({ compose: run, name }: ComposeProject): Promise<Figures> {
  const bytesOf = async (image: string) =>
    Number(await docker(['image', 'inspect', '--format', '{{.Size}}', image]))
  const config = JSON.parse(await run(['config', '--format', 'json'])) as Config
  const base = config.services[measured]?.build?.args?.NODE_IMAGE ?? ''
  // BuildKit builds on an image without keeping it under its name.
  const baseBytes = await bytesOf(base).catch(async () => {
    await docker(['pull', '--quiet', base])
    return bytesOf(base)
  })
  const image = `${name}-${measured}`
  const tracing = ['-c', 'du -smc node_modules/.pnpm/@opentelemetry* | tail -1']
  const said = await docker(['run', '--rm', '--workdir', '/app', '--entrypoint', 'sh', image, ...tracing])
  const bytes = await bytesOf(image)
  return {
    'image of a service': mib(bytes),
    'the same, over its base': { ...mib(bytes - baseBytes), aim: { atMost: 250 } },
    'of that, OpenTelemetry': { value: Number.parseInt(said, 10), unit: 'MiB' },
    'image of the troupe command, over its base': mib((await bytesOf(`${name}-play`)) - baseBytes),
  }
}

/** What `docker compose config` says, as far as it is read here. */
interface Config {
  readonly services: Readonly<
    Record<string, { readonly build?: { readonly args?: { readonly NODE_IMAGE?: string } } }>
  >
}

const mib = (bytes: number): Figure => ({ value: bytes / 1024 ** 2, unit: 'MiB' })

async function ups({ size, note }: Scene, { compose: run, down }: ComposeProject): Promise<Figures> {
  const times: number[] = []
  for (let up = 1; up <= size('ups'); up += 1) {
    await down()
    times.push(await timed(() => run(['up', '--wait'])))
    note(`up --wait ${up}/${size('ups')}: ${((times.at(-1) ?? 0) / 1_000).toFixed(1)} s`)
  }
  return { 'docker compose up --wait': seconds(medianOf(times)) }
}

/** Starts of a container of one service, everything else running, its topics and tables made. */
async function starts({ size, note }: Scene, project: ComposeProject): Promise<Figures> {
  const figures: Record<string, Figure> = {}
  const kinds = {
    'start of a service': ['--file', 'docker-compose.yml'],
    'the same, with spans sent': ['--file', 'docker-compose.yml', '--file', 'compose/tracing.yml'],
  }
  for (const [kind, files] of Object.entries(kinds)) {
    const times: number[] = []
    for (let start = 1; start <= size('starts'); start += 1) {
      await project.compose([...files, 'up', '--wait', '--no-deps', '--force-recreate', measured])
      times.push(await startMsOf(project))
    }
    note(`${kind}: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`)
    figures[kind] = { value: medianOf(times), unit: 'ms', aim: { atMost: 1_500 } }
  }
  return figures
}

/** From when the engine started the process to when that said that it runs. */
async function startMsOf({ compose: run }: ComposeProject): Promise<number> {
  const id = (await run(['ps', '--quiet', measured])).trim()
  const began = await docker(['inspect', '--format', '{{.State.StartedAt}}', id])
  const log = await docker(['logs', '--timestamps', id])
  const line = log.split('\n').find((one) => one.includes(`${measured} is running`))
  if (line === undefined) throw new Error(`${measured} does not say that it is running:\n${log}`)
  return Date.parse(line.split(' ')[0] ?? '') - Date.parse(began.trim())
}
