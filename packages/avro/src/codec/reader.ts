import type { Type } from 'avsc'
import { type AnyEventType, messageOf, TroupeError } from '@troupe/core'
import { isTooDeep } from '../schema/check.ts'
import { type Measure, measureOf, type Payload, PayloadFault } from './measure.ts'
import { headerBytes } from './wire-format.ts'

/** Turns records of one schema id, header included, into one event's data. */
export type Read = (bytes: Buffer) => object

/**
 * Makes the reader of one event for one writer's schema.
 *
 * If the writer's cannot be read as the event's at all, what is returned refuses every record.
 */
export function readerOf(eventType: AnyEventType, own: Type, writer: Type, id: number): Read {
  let resolver: ReturnType<Type['createResolver']> | undefined
  try {
    // The name alone tells events apart: a team that moves its namespace still writes the same event.
    if (!own.equals(writer)) resolver = own.createResolver(writer, { ignoreNamespaces: true })
  } catch (cause) {
    return () => {
      throw mismatch(eventType, id, `its schema cannot be read as this service's: ${messageOf(cause)}`, cause)
    }
  }
  const measure = measureOf(writer)
  return (bytes) => {
    try {
      measureWhole(measure, bytes)
      return own.decode(bytes, headerBytes, resolver).value as object
    } catch (cause) {
      throw fault(eventType, id, cause)
    }
  }
}

function measureWhole(measure: Measure, bytes: Buffer): void {
  const payload: Payload = { bytes, at: headerBytes }
  measure(payload)
  const left = bytes.length - payload.at
  if (left > 0) throw new PayloadFault(`${left} bytes follow its end`, true)
}

function fault(eventType: AnyEventType, id: number, cause: unknown): TroupeError {
  if (cause instanceof PayloadFault && cause.isCut) {
    return new TroupeError(
      'TROUPE_WIRE_FORMAT_TRUNCATED',
      `${eventType.type} is not as long as its schema (id ${id}) says: ${cause.message}. Look at its producer: the record was cut, or names the wrong schema.`,
      { cause, details: { type: eventType.type, schemaId: id } },
    )
  }
  const problem = isTooDeep(cause) ? 'it is nested too deeply' : messageOf(cause)
  return mismatch(eventType, id, `its bytes do not fit: ${problem}`, cause)
}

function mismatch({ type }: AnyEventType, id: number, problem: string, cause: unknown): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_MISMATCH',
    `${type} was written with the schema of id ${id}, and ${problem}. Compare that schema in the registry with this service's.`,
    { cause, details: { type, schemaId: id } },
  )
}
