import { fieldsOf, functionIfAny, functionOf, refuseDeclaration, refuseUnknownFields } from './declared.ts'
import { TroupeError, messageOf } from '../errors.ts'
import { flawOfName, nameLengthMax } from './name.ts'
import { isPromised } from './promised.ts'
import { shown } from './shown.ts'

/**
 * A kind of state document: typed, keyed, versioned by the ledger. Its state is JSON: objects, arrays,
 * strings, numbers, booleans, null.
 *
 * Called with a key it names one document: `stock('book')`.
 */
export interface DocumentType<State extends object = object> {
  /** @throws TroupeError `TROUPE_DOCUMENT_INVALID` for a key that no ledger keeps */
  (key: string): DocumentRef<State>
  readonly kind: string
  /** What the document holds before anybody wrote it. @throws TroupeError `TROUPE_DOCUMENT_INVALID` */
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

const names = ['name', 'initial', 'parse']

/**
 * Declares a kind of state document.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` if its name is malformed, a value is not of its type, or has a
 *   name that no document knows.
 * @example const stock = document({ name: 'stock', initial: () => ({ free: 0, held: 0 }) })
 */
export function document<State extends object>(declaration: DocumentDeclaration<State>): DocumentType<State> {
  const declared = fieldsOf(
    declaration,
    'The declaration of a document',
    'Give `document` an object with `name` and `initial`.',
  )
  const { name } = declared
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    refuseDeclaration(
      `A document cannot be named ${shown(name)}. Use up to 63 lower-case letters, digits and dashes, such as "order" or "opening-hours".`,
    )
  }
  const whose = `document ${name}`
  refuseUnknownFields(declared, names, whose)
  const initial = functionOf(declared.initial, 'initial', whose)
  const parse = functionIfAny(declared.parse, 'parse', whose)
  const type: DocumentType<State> = Object.assign(
    (key: string): DocumentRef<State> => {
      refuseUnfitKey(name, key)
      return { document: type, kind: name, key }
    },
    {
      kind: name,
      initial: (key: string): State => fitState(initial(key), 'initial', name, key),
      parse(stored: unknown, key: string): State {
        if (!parse) return stored as State
        let parsed: State
        try {
          parsed = parse(stored)
        } catch (cause) {
          throw new TroupeError(
            'TROUPE_DOCUMENT_INVALID',
            `The stored document ${name}/${key} does not fit its type: ${flawsIn(cause)} Teach its \`parse\` the older form; the document is left as it is.`,
            { cause, details: { kind: name, key } },
          )
        }
        return fitState(parsed, 'parse', name, key)
      },
    },
  )
  return type
}

/** What a document holds is an object, at once. Whether it is JSON is asked of what is put. */
function fitState<State>(state: State, field: string, kind: string, key: string): State {
  if (typeof state === 'object' && state !== null && !isPromised(state)) return state
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `\`${field}\` of document ${kind} returned ${shown(state)} for ${kind}/${key}. Return an object, at once.`,
    { details: { kind, key } },
  )
}

/** Refuses what names no document, before anything is looked up under it. Costs the good case one look. */
export function refuseUnfitRef(ref: DocumentRef, reader: string): void {
  if (typeof (ref as DocumentRef | null | undefined)?.document === 'function') return
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `${reader} names ${shown(ref)} as a document. Name one by its kind and its key, such as stock('book').`,
    { details: { reader } },
  )
}

/** The name of one document as a single string, for maps. */
export function documentName(ref: { readonly kind: string; readonly key: string }): string {
  return `${ref.kind}/${ref.key}`
}

const flawsMax = 5

/** What a `parse` threw, as sentences: of a schema library (zod, valibot and others) each issue with its path. */
function flawsIn(error: unknown): string {
  try {
    return issuesIn(error) ?? sentence(messageOf(error))
  } catch {
    // Another's list of issues, or one that throws when it is read.
    return sentence(messageOf(error))
  }
}

function issuesIn(error: unknown): string | undefined {
  const issues = typeof error === 'object' && error !== null && 'issues' in error ? error.issues : undefined
  if (!Array.isArray(issues) || issues.length === 0) return undefined
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
  const why = typeof key === 'string' ? `, which ${flaw}` : ''
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `A ${kind} document cannot have the key ${shown(key)}${why}. Use 1 to ${nameLengthMax} characters of text.`,
    { details: { kind } },
  )
}
