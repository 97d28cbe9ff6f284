// What comes to a topic that nobody there has reckoned with, and what becomes of it.
import { type AnyEventType, headerNames, headersOf, type OutgoingRecord } from '@troupe/core'
import { storyServices } from '../checks/story.ts'

export const poisonForms = {
  garbage: 'bytes that are no wire format, under the name of an event that is heard',
  cut: 'an event that ends too early',
  'unknown schema': 'an event of a schema that the registry has never had',
  'no saga': 'an event that can be read, and names no saga: neither header, key nor field',
  'two ids': 'an event that says twice who it is, and not the same',
  'no value': 'an event of nothing',
  'no headers': 'bytes that are no wire format, without any name',
  tombstone: 'neither name nor value: what is left of a key that was deleted',
  stranger: 'an event of a name that nobody hears',
} as const

export type PoisonForm = keyof typeof poisonForms
export const poisonFormNames = Object.keys(poisonForms) as PoisonForm[]

/** Passed over in silence; the others are dead letters of whoever hears them. */
const passedOver: ReadonlySet<PoisonForm> = new Set(['tombstone', 'stranger'])

/** By this header poison is known, in its topic and among the dead letters. */
export const poisonHeader = 'chaos-poison'

/** Of which services a piece of poison is a dead letter. */
export function poisonedBy(form: PoisonForm, topic: string, type: string | undefined): readonly string[] {
  if (passedOver.has(form)) return []
  return storyServices
    .filter(({ hears }) =>
      hears.some((one) => one.topic === topic && (form === 'no headers' || one.type === type)),
    )
    .map(({ name }) => name)
}

/** Events that are heard, and whose data is easily made up: what it is about, and a reason. */
export const poisonableTypes: readonly AnyEventType[] = [
  ...new Map(storyServices.flatMap(({ hears }) => hears).map((type) => [type.type, type])).values(),
].filter(
  ({ schema: { fields } }) =>
    (fields as readonly { name: string }[]).map(({ name }) => name).join() === 'orderId,reason',
)

/** A record of this form. */
export function poisonOf(
  form: PoisonForm,
  type: AnyEventType,
  { name, encode }: { readonly name: string; readonly encode: (data: object) => Uint8Array },
): Pick<OutgoingRecord, 'topic' | 'key' | 'value'> & { readonly headers: Record<string, string | string[]> } {
  const envelope = {
    id: name,
    type: type.type,
    source: type.owner,
    timeMs: 0,
    key: name,
    correlationId: name,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
  }
  const mark = { [poisonHeader]: `${form}/${name}` }
  const whole: Record<string, string> = { ...headersOf(envelope), ...mark }
  const { [headerNames.correlationId]: _, ...withoutSaga } = whole
  const { topic } = type
  const garbage = Buffer.concat([Buffer.of(0xff), Buffer.from(name)])
  const value = () => encode({ orderId: name, reason: 'poison' })
  switch (form) {
    case 'garbage':
      return { topic, key: name, value: garbage, headers: whole }
    case 'cut':
      return { topic, key: name, value: value().subarray(0, 8), headers: whole }
    case 'unknown schema':
      return {
        topic,
        key: name,
        value: Buffer.concat([wireFormatOf(999_999_999), value().subarray(5)]),
        headers: whole,
      }
    case 'no saga':
      return { topic, key: null, value: encode({ orderId: '', reason: 'poison' }), headers: withoutSaga }
    case 'two ids':
      return { topic, key: name, value: value(), headers: { ...whole, ce_id: [name, `${name}-or-so`] } }
    case 'no value':
      return { topic, key: name, value: null, headers: whole }
    case 'no headers':
      return { topic, key: name, value: garbage, headers: mark }
    case 'tombstone':
      return { topic, key: name, value: null, headers: mark }
    case 'stranger':
      return { topic, key: name, value: value(), headers: { ...whole, ce_type: 'SomethingElse' } }
  }
}

/** Confluent's: a zero, and the schema's id. */
function wireFormatOf(schemaId: number): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(schemaId, 1)
  return head
}
