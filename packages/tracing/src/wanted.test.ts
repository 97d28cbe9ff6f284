import { describe, expect, it } from '@jest/globals'
import { wantedIn } from './wanted.ts'

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

describe('what the environment says of tracing', () => {
  it.each<[string, Record<string, string | undefined>, boolean]>([
    ['nothing', {}, false],
    ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
    ['an endpoint', endpoint, true],
    ['an endpoint for spans alone', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector/spans' }, true],
    ['OTLP, wherever it is by default', { OTEL_TRACES_EXPORTER: 'otlp' }, true],
    ['an endpoint, but no exporter', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, false],
    ['an endpoint, but disabled', { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, false],
    ['an endpoint, and not disabled', { ...endpoint, OTEL_SDK_DISABLED: 'false' }, true],
  ])('sends spans or not: %s', (_what, variables, isOn) => {
    expect(wantedIn(variables)).toEqual({ isOn, protocol: 'http/protobuf', problems: [] })
  })

  it.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, 'http/protobuf'],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' },
      'http/protobuf',
    ],
  ])('says how they are written: %j', (variables, protocol) => {
    expect(wantedIn({ ...endpoint, ...variables })).toEqual({ isOn: true, protocol, problems: [] })
  })

  it.each(['collector', 'collector:4318', 'grpc://collector:4317'])(
    'sends nothing to what is no address, and says so: %s',
    (text) => {
      expect(wantedIn({ OTEL_EXPORTER_OTLP_ENDPOINT: text })).toEqual({
        isOn: false,
        protocol: 'http/protobuf',
        problems: [
          `OTEL_EXPORTER_OTLP_ENDPOINT is "${text}", which is no URL with http:// or https://. No spans are sent.`,
        ],
      })
    },
  )

  it('names what it does not know, and what happens instead', () => {
    expect(wantedIn({ ...endpoint, OTEL_TRACES_EXPORTER: 'zipkin' })).toEqual({
      isOn: false,
      protocol: 'http/protobuf',
      problems: [expect.stringMatching(/^OTEL_TRACES_EXPORTER is "zipkin"/)],
    })
    expect(wantedIn({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual({
      isOn: true,
      protocol: 'http/protobuf',
      problems: [expect.stringMatching(/^OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; .*4318/)],
    })
  })

  it('says nothing of what is not used', () => {
    expect(wantedIn({ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'zipkin' }).problems).toEqual([])
    expect(wantedIn({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).problems).toEqual([])
  })
})
