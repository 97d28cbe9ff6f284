/**
 * ApiVersions: what a client asks first. Keeps nothing. Ignores the client's software name and version.
 *
 * A client that speaks a newer version than we do gets error 35 in the oldest layout, with the list, so
 * that it can choose again without a new connection (KIP-511).
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, since, string, struct } from '../protocol/schema.ts'
import { Writer } from '../protocol/writer.ts'
import { defineApi } from '../server/api.ts'
import type { ApiRange } from '../server/services.ts'

export const API_VERSIONS_KEY = 18

const response = struct({
  errorCode: int16,
  apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
  throttleTimeMs: since(1, int32),
})

export const apiVersions = defineApi({
  key: API_VERSIONS_KEY,
  name: 'ApiVersions',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 3,
  request: struct({ clientSoftwareName: since(3, string), clientSoftwareVersion: since(3, string) }),
  response,
  handle: (_request, { services }) => answer(ErrorCode.NONE, services.apiRanges),
})

/** The response to a version that is not served. */
export function unsupportedVersionFrame(correlationId: number, ranges: readonly ApiRange[]): Buffer[] {
  const writer = new Writer(0, false)
  writer.int32(correlationId)
  response.write(writer, answer(ErrorCode.UNSUPPORTED_VERSION, ranges))
  return writer.frame()
}

function answer(errorCode: ErrorCode, ranges: readonly ApiRange[]) {
  const apiKeys = ranges.map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion }))
  return { errorCode, apiKeys, throttleTimeMs: 0 }
}
