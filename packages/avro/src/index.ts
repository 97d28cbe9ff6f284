export { avroEvent, type AvroEventDeclaration } from './event/avro-event.ts'
