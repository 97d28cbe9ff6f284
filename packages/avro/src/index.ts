export { createCodec, type CodecOptions } from './codec/create-codec.ts'
export type { Compatibility } from './codec/registry.ts'
export { avroEvent, type AvroEventDeclaration } from './event/avro-event.ts'
