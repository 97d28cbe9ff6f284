import { TroupeError } from '@troupe/core'

/** Where a registry is, with the secrets taken out of the URL: that one may be shown. */
export interface RegistryAddress {
  /** Without credentials and without a slash at the end; may have a path. */
  readonly url: string
  readonly auth: { readonly username: string; readonly password: string } | undefined
}

/**
 * Takes a registry's URL apart.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`, without showing the URL, which may hold a password.
 */
export function registryAddress(url: string, auth: RegistryAddress['auth']): RegistryAddress {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return refuse('is not a URL')
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    refuse(`has the protocol ${parsed.protocol}`)
  }
  const inUrl =
    parsed.username === ''
      ? undefined
      : { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) }
  const path = parsed.pathname.replace(/\/+$/, '')
  return { url: `${parsed.protocol}//${parsed.host}${path}`, auth: auth ?? inUrl }
}

function refuse(problem: string): never {
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `The Schema Registry's address ${problem}. Give it as http://host:port or https://host:port, with user:password@ before the host if it asks for them.`,
  )
}
