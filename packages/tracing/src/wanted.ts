/** What the environment says of tracing; `problems` are wrong values, which change nothing else. */
export interface Wanted {
  readonly isOn: boolean
  readonly protocol: 'http/protobuf' | 'http/json'
  readonly problems: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * Reads from OpenTelemetry's own variables whether spans are sent, and how. An empty variable counts as a
 * missing one.
 *
 * Spans are sent if an endpoint is named or `OTEL_TRACES_EXPORTER` is `otlp`; nobody is dialled by default. A
 * wrong value never stops a service: it is one of the `problems`. Source: OpenTelemetry specification,
 * environment variables.
 */
export function wantedIn(variables: Variables): Wanted {
  const problems: string[] = []
  const exporter = textIn(variables, 'OTEL_TRACES_EXPORTER')
  if (exporter !== undefined && exporter !== 'otlp' && exporter !== 'none')
    problems.push(
      `OTEL_TRACES_EXPORTER is "${exporter}"; only otlp and none are known here. No spans are sent.`,
    )
  const endpoint = endpointNames
    .map((name) => ({ name, text: textIn(variables, name) ?? '' }))
    .find(({ text }) => text !== '')
  const isNamed = endpoint !== undefined
  const isDisabled = textIn(variables, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  const isOn = !isDisabled && (exporter === 'otlp' || (exporter === undefined && isNamed))
  if (!isOn) return { isOn, protocol: 'http/protobuf', problems: isDisabled ? [] : problems }
  if (endpoint && !isHttp(endpoint.text)) {
    problems.push(
      `${endpoint.name} is "${endpoint.text}", which is no URL with http:// or https://. No spans are sent.`,
    )
    return { isOn: false, protocol: 'http/protobuf', problems }
  }
  return { isOn, protocol: protocolIn(variables, problems), problems }
}

/** The one for traces wins. */
const endpointNames = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}

function protocolIn(variables: Variables, problems: string[]): Wanted['protocol'] {
  const [name, general] = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
  const given = textIn(variables, name) ?? textIn(variables, general)
  if (given === undefined || given === 'http/protobuf') return 'http/protobuf'
  if (given === 'http/json') return given
  problems.push(
    `${textIn(variables, name) === undefined ? general : name} is "${given}"; spans are sent by http/protobuf. Name an endpoint that takes OTLP over HTTP, usually at port 4318.`,
  )
  return 'http/protobuf'
}

function textIn(variables: Variables, name: string): string | undefined {
  const text = variables[name]?.trim()
  return text === '' ? undefined : text
}
