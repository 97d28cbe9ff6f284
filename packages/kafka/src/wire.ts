// The encoder and the decoder of records, to be measured and held against others.
export { carriedIn, decodeFetch, fetchVersion } from './wire/fetch-answer.ts'
export { encodeProduce, produceVersion, type WireRecord } from './wire/produce-request.ts'
