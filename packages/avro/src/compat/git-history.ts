import { spawn } from 'node:child_process'
import { messageOf, TroupeError } from '@troupe/core'

/** One committed form of one schema file. */
export interface Version {
  /** Relative to the schemas' folder, with slashes. */
  readonly file: string
  readonly commit: string
  /** Of the commit, as YYYY-MM-DD. */
  readonly date: string
  readonly text: string
}

export interface History {
  /** Newest first; a form that several commits hold is named by the latest of them. */
  readonly versions: readonly Version[]
  /** True if the clone holds only the latest commits. */
  readonly isShallow: boolean
}

type Blob = Omit<Version, 'text'> & { readonly hash: string }

const fieldMark = '\x01'
/** Deleted, in git's raw form. */
const noBlob = /^0+$/

/**
 * Reads every committed version of `<owner>/<Event>.avsc` under a folder: all that lead to HEAD, or with a
 * base the one that stood there and all that came after.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` if there is no git, no repository or no such base.
 */
export async function readHistory(dir: string, base: string | undefined): Promise<History> {
  const isShallow = (await git(dir, ['rev-parse', '--is-shallow-repository'])).trim() === 'true'
  if (!(await resolveCommit(dir, 'HEAD'))) return { versions: [], isShallow }
  let from: string | undefined
  if (base !== undefined) {
    from = await resolveCommit(dir, base)
    if (from === undefined) {
      const next = isShallow ? ' This clone is shallow: fetch the base first.' : ''
      refuse(`git knows no commit "${base}" in ${dir}.${next} Give --base a commit, tag or branch.`)
    }
  }
  const blobs = [
    ...(await blobsSince(dir, from === undefined ? 'HEAD' : `${from}..HEAD`)),
    ...(from === undefined ? [] : await blobsAt(dir, from)),
  ]
  const seen = new Set<string>()
  const distinct = blobs.filter(({ file, hash }) => {
    const key = `${hash} ${file}`
    return !seen.has(key) && seen.add(key)
  })
  const texts = await readBlobs(
    dir,
    distinct.map(({ hash }) => hash),
  )
  return {
    versions: distinct.map(({ file, commit, date }, index) => ({
      file,
      commit,
      date,
      text: texts[index] ?? '',
    })),
    isShallow,
  }
}

async function resolveCommit(dir: string, ref: string): Promise<string | undefined> {
  const found = await git(dir, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], {
    mayFail: true,
  })
  return found.trim() || undefined
}

/** What each commit of a range left behind, newest first; merges are seen from each of their parents. */
async function blobsSince(dir: string, range: string): Promise<readonly Blob[]> {
  const format = `--format=${fieldMark}%H${fieldMark}%cs`
  const raw = ['-m', '--raw', '--no-abbrev', '--no-renames', '--relative', '-z']
  const log = await git(dir, ['-c', 'log.showSignature=false', 'log', ...raw, format, range, '--', '.'])
  const blobs: Blob[] = []
  let commit = ''
  let date = ''
  let hash = ''
  for (const token of log.split('\0')) {
    if (token.includes(fieldMark)) {
      ;[, commit = '', date = ''] = token.split(fieldMark)
    } else if (token.trimStart().startsWith(':')) {
      hash = token.trim().split(' ')[3] ?? ''
    } else if (isSchemaFile(token) && !noBlob.test(hash)) {
      blobs.push({ file: token, commit, date: date.trim(), hash })
    }
  }
  return blobs
}

async function blobsAt(dir: string, commit: string): Promise<readonly Blob[]> {
  const date = (await git(dir, ['log', '-1', '--no-show-signature', '--format=%cs', commit])).trim()
  const tree = await git(dir, ['ls-tree', '-r', '-z', commit, '--', '.'])
  return tree.split('\0').flatMap((line) => {
    const [facts = '', file = ''] = line.split('\t')
    return isSchemaFile(file) ? [{ file, commit, date, hash: facts.split(' ')[2] ?? '' }] : []
  })
}

async function readBlobs(dir: string, hashes: readonly string[]): Promise<readonly string[]> {
  if (hashes.length === 0) return []
  const output = await gitBytes(dir, ['cat-file', '--batch'], { input: `${hashes.join('\n')}\n` })
  const texts: string[] = []
  let at = 0
  while (at < output.length) {
    const lineEnd = output.indexOf(10, at)
    const size = Number(output.toString('utf8', at, lineEnd).split(' ')[2])
    if (!Number.isInteger(size)) {
      refuse(`git cannot read an earlier version: ${output.toString('utf8', at, lineEnd)}. Check the clone.`)
    }
    texts.push(output.toString('utf8', lineEnd + 1, lineEnd + 1 + size))
    at = lineEnd + 1 + size + 1
  }
  return texts
}

function isSchemaFile(path: string): boolean {
  return /^[a-z][^/]*\/[^/]+\.avsc$/.test(path) && !/^(?:src|dist|node_modules)\//.test(path)
}

interface GitOptions {
  /** A failure is an answer: nothing. */
  readonly mayFail?: boolean
  readonly input?: string
}

async function git(dir: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  return (await gitBytes(dir, args, options)).toString('utf8')
}

function gitBytes(dir: string, args: readonly string[], options: GitOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', dir, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(0, 2_000)))
    // git may end before it has read everything; its exit code says what that means.
    child.stdin.on('error', () => undefined)
    child.on('error', (cause) =>
      reject(failure(`git could not be started: ${messageOf(cause)}. Install git.`)),
    )
    child.on('close', (code) => {
      if (code === 0 || options.mayFail) resolve(Buffer.concat(chunks))
      else reject(failure(`git ${args[0]} failed in ${dir}: ${said.trim()}. Run this in a git repository.`))
    })
    child.stdin.end(options.input ?? '')
  })
}

function failure(message: string): TroupeError {
  return new TroupeError('TROUPE_SETTING_INVALID', message)
}

function refuse(message: string): never {
  throw failure(message)
}
