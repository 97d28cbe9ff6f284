import { API_VERSIONS_KEY, unsupportedVersionFrame } from '../requests/api-versions.ts'
import { apis } from '../requests/all.ts'
import { ProtocolError } from '../protocol/protocol-error.ts'
import { openRequestBody, readRequestHeader } from '../protocol/request-header.ts'
import { Writer } from '../protocol/writer.ts'
import type { AnyApi } from './api.ts'
import type { Answer } from './connection.ts'
import type { Services } from './services.ts'

/**
 * Turns frames into calls of the right handler and its answers into frames. Throws (or rejects) when the
 * frame cannot be read or the handler fails; the connection is then closed, because no response of an
 * unknown layout could be understood.
 */
export function createDispatcher(services: Services): Answer {
  const byKey = new Map<number, AnyApi>(apis.map((api) => [api.key, api]))
  return (frame, connection) => {
    const { apiKey, apiVersion, correlationId } = readRequestHeader(frame)
    const api = byKey.get(apiKey)
    if (api === undefined) throw new ProtocolError(`a request of the unknown kind ${apiKey}`)
    if (apiVersion < api.minVersion || apiVersion > api.maxVersion) {
      if (apiKey === API_VERSIONS_KEY) return unsupportedVersionFrame(correlationId, services.apiRanges)
      throw new ProtocolError(
        `${api.name} version ${apiVersion}, but only ${api.minVersion} to ${api.maxVersion} are served`,
      )
    }
    const isFlexible = apiVersion >= api.flexibleFrom
    const { clientId, body } = openRequestBody(frame, apiVersion, isFlexible)
    const request = api.request.read(body)
    const call = { version: apiVersion, clientId: clientId ?? '', connection, services }
    const encode = (response: unknown): Buffer[] | null =>
      response === null ? null : encodeResponse(api, apiVersion, correlationId, response)
    const failed = (error: unknown): never => {
      services.log('error', `${api.name} failed: ${error instanceof Error ? error.stack : String(error)}`)
      throw error
    }
    const fault = services.faults.of({ api: api.name, version: apiVersion, clientId: call.clientId, request })
    if (fault?.kind === 'silence') return new Promise(() => {})
    try {
      const response = fault?.kind === 'answer' ? fault.response : api.handle(request, call)
      if (fault?.kind === 'lost-answer') {
        connection.close()
        return null
      }
      const answer = (said: unknown) => encode(fault?.kind === 'change' ? fault.change(said) : said)
      return response instanceof Promise ? response.then(answer).catch(failed) : answer(response)
    } catch (error) {
      return failed(error)
    }
  }
}

function encodeResponse(api: AnyApi, version: number, correlationId: number, response: unknown): Buffer[] {
  const isFlexible = version >= api.flexibleFrom
  const writer = new Writer(version, isFlexible)
  writer.int32(correlationId)
  // The header of an ApiVersions response is classic in every version: the client that reads it may not
  // know yet what the broker speaks (KIP-511).
  if (isFlexible && api.key !== API_VERSIONS_KEY) writer.unsignedVarint(0)
  api.response.write(writer, response)
  return writer.frame()
}
