import { TroupeError, messageOf } from './errors.ts'
import { flawOfName, nameLengthMax } from './name.ts'

/**
 * A kind of state document: typed, keyed, versioned by the ledger. Its state is JSON: objects, arrays,
 * strings, numbers, booleans, null.
 *
 * Called with a key it names one document: `stock('book')`.
 */
export interface DocumentType<State extends object = object> {
  (key: string): DocumentRef<State>
  readonly kind: string
  /** What the document holds before anybody wrote it. */
  initial(key: string): State
  /** The document out of what the database holds. @throws TroupeError `TROUPE_DOCUMENT_INVALID` */
  parse(stored: unknown, key: string): State
}

/** One document, by name; nothing is read until a reaction declares it in `reads`. */
export interface DocumentRef<State extends object = object> {
  readonly document: DocumentType<State>
  readonly kind: string
  readonly key: string
}

export interface DocumentDeclaration<State extends object> {
  readonly name: string
  /** What a document holds before its first write. Pure. */
  readonly initial: (key: string) => State
  /**
   * Turns what is stored into today's type, and throws if it cannot. What a schema library throws, with a list
   * of `issues`, is told field by field. Default: what is stored is trusted.
   */
  readonly parse?: (stored: unknown) => State
}

/**
 * Declares a kind of state document.
 *
 * @example const stock = document({ name: 'stock', initial: () => ({ free: 0, held: 0 }) })
 */
export function document<State extends object>(declaration: DocumentDeclaration<State>): DocumentType<State> {
  const { name, initial, parse } = declaration
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new TroupeError(
      'TROUPE_DECLARATION_INVALID',
      `A document cannot be named "${name}". Use up to 63 lower-case letters, digits and dashes, such as "order" or "opening-hours".`,
      { details: { name } },
    )
  }
  const type: DocumentType<State> = Object.assign(
    (key: string): DocumentRef<State> => {
      refuseUnfitKey(name, key)
      return { document: type, kind: name, key }
    },
    {
      kind: name,
      initial,
      parse(stored: unknown, key: string): State {
        if (!parse) return stored as State
        try {
          return parse(stored)
        } catch (cause) {
          throw new TroupeError(
            'TROUPE_DOCUMENT_INVALID',
            `The stored document ${name}/${key} does not fit its type: ${flawsIn(cause)} Teach its \`parse\` the older form; the document is left as it is.`,
            { cause, details: { kind: name, key } },
          )
        }
      },
    },
  )
  return type
}

/** The name of one document as a single string, for maps. */
export function documentName(ref: { readonly kind: string; readonly key: string }): string {
  return `${ref.kind}/${ref.key}`
}

const flawsMax = 5

/** What a `parse` threw, as sentences: of a schema library (zod, valibot and others) each issue with its path. */
function flawsIn(error: unknown): string {
  const issues = typeof error === 'object' && error !== null && 'issues' in error ? error.issues : undefined
  if (!Array.isArray(issues) || issues.length === 0) return sentence(messageOf(error))
  return issues
    .slice(0, flawsMax)
    .map((issue: { readonly path?: readonly unknown[]; readonly message?: unknown }) => {
      const path = (issue.path ?? []).map((step) => String(isStep(step) ? step.key : step)).join('.')
      return sentence(`${path === '' ? 'it' : path}: ${String(issue.message)}`)
    })
    .join(' ')
}

function isStep(step: unknown): step is { readonly key: unknown } {
  return typeof step === 'object' && step !== null && 'key' in step
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function refuseUnfitKey(kind: string, key: string): void {
  const flaw = flawOfName(key)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `A ${kind} document cannot have the key ${JSON.stringify(key.slice(0, 80))}, which ${flaw}. Use 1 to ${nameLengthMax} characters of text.`,
    { details: { kind } },
  )
}
