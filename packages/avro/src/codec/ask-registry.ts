import http from 'node:http'
import https from 'node:https'
import { messageOf, TroupeError } from '@troupe/core'
import type { RegistryAddress } from './registry-address.ts'

/** What came back: `body` is undefined if it is not JSON. */
export interface RegistryAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: unknown
}

/** More than any registry says to what is asked here. */
const bodyBytesMax = 4 * 1024 * 1024

/** One GET, for what the registry's client keeps to itself. @throws whatever the network says */
export function askRegistry(
  { url, auth, agent }: RegistryAddress,
  path: string,
  timeoutMs: number,
): Promise<RegistryAnswer> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? https : http).get(
      `${url}${path}`,
      {
        headers: { accept: 'application/vnd.schemaregistry.v1+json, application/json' },
        ...(auth ? { auth: `${auth.username}:${auth.password}` } : {}),
        ...(agent ? { agent } : {}),
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('error', reject)
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > bodyBytesMax)
            response.destroy(new Error(`the answer has more than ${bodyBytesMax} bytes`))
          else chunks.push(chunk)
        })
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers['content-type'] ?? 'no content type',
            body: jsonOf(Buffer.concat(chunks).toString()),
          }),
        )
      },
    )
    request.on('error', reject)
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Resolves if a Schema Registry answers at this address.
 *
 * @throws TroupeError `TROUPE_REGISTRY_UNREACHABLE`, also where something else answers;
 *   `TROUPE_ACCESS_DENIED`; `TROUPE_SETTING_INVALID` for an address that is none
 */
export async function pingAddress(address: RegistryAddress, timeoutMs: number): Promise<void> {
  let answer: RegistryAnswer
  try {
    answer = await askRegistry(address, '/config', timeoutMs)
  } catch (cause) {
    throw failure(address, `does not answer: ${reasonIn(cause)}. ${adviceOn(cause)}`, cause)
  }
  const { status, contentType, body } = answer
  if (status === 401) throw denialAt(address, 'read /config', status)
  if (status >= 500) throw failure(address, `answers with status ${status}. Look at its log`)
  // Who may not read the registry's own settings may still do all that a service needs.
  if (status === 403 || (status < 300 && typeof body === 'object' && body !== null)) return
  throw failure(
    address,
    `is no Schema Registry: to GET /config it answers status ${status} and ${body === undefined ? `${contentType}, no JSON` : 'no settings of a registry'}. Correct the address: of Apicurio it ends in /apis/ccompat/v7, of Confluent and Karapace it has no path`,
  )
}

/** `TROUPE_ACCESS_DENIED` for a 401 or a 403. */
export function denialAt(
  { url, auth }: RegistryAddress,
  right: string,
  status: number,
  cause?: unknown,
): TroupeError {
  const user = auth === undefined ? 'a client without a user name' : `the user ${auth.username}`
  return new TroupeError(
    'TROUPE_ACCESS_DENIED',
    status === 401
      ? `The Schema Registry at ${url} does not let ${user} in (status 401, asked to ${right}). Give it the right user name and password.`
      : `The Schema Registry at ${url} denies ${user} the right to ${right} (status 403). Grant it.`,
    { cause, details: { url, user: auth?.username, right, status } },
  )
}

function failure({ url }: RegistryAddress, what: string, cause?: unknown): TroupeError {
  return new TroupeError(
    'TROUPE_REGISTRY_UNREACHABLE',
    `The Schema Registry at ${url} ${what}. It is asked again later.`,
    { cause, details: { url } },
  )
}

/** A connection that was refused on every address of a name has no message of its own. */
export function reasonIn(error: unknown): string {
  const each =
    typeof error === 'object' && error !== null && 'errors' in error ? (error.errors as unknown[]) : []
  return messageOf(error) === '' ? each.map(messageOf).join('; ') : messageOf(error)
}

function adviceOn(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT)/.test(code)
    ? 'Its certificate is not trusted here: give the certificate of the authority that signed it (SCHEMA_REGISTRY_CA_FILE), and an address that the certificate is for'
    : 'Check that it runs'
}
