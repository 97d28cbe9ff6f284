import https from 'node:https'
import { TroupeError } from '@troupe/core'

/** How a registry is reached, as it is configured. */
export interface RegistryAccess {
  /** `http://host:port`, with a path if the registry has one, and `user:password@` if it asks for them. */
  readonly registryUrl: string
  /** Basic authentication; wins over what the URL says. */
  readonly auth?: { readonly username: string; readonly password: string }
  /** Certificates, in PEM, of the authorities that may have signed the registry's. Default: those that Node knows. */
  readonly ca?: string
}

/** Where a registry is, with the secrets taken out of the URL: that one may be shown. */
export interface RegistryAddress {
  /** Without credentials and without a slash at the end; may have a path. */
  readonly url: string
  readonly auth: RegistryAccess['auth'] | undefined
  /** For a registry whose authority is given. */
  readonly agent: https.Agent | undefined
}

/**
 * Takes a registry's URL apart.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`, without showing the URL, which may hold a password.
 */
export function registryAddress({ registryUrl, auth, ca }: RegistryAccess): RegistryAddress {
  let parsed: URL
  try {
    parsed = new URL(registryUrl)
  } catch {
    return refuse('is not a URL')
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    refuse(`has the protocol ${parsed.protocol}`)
  }
  if (ca !== undefined && parsed.protocol === 'http:') {
    refuse('is without TLS, though the certificate of an authority is given')
  }
  const inUrl =
    parsed.username === ''
      ? undefined
      : { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) }
  const path = parsed.pathname.replace(/\/+$/, '')
  return {
    url: `${parsed.protocol}//${parsed.host}${path}`,
    auth: auth ?? inUrl,
    agent: ca === undefined ? undefined : new https.Agent({ ca }),
  }
}

function refuse(problem: string): never {
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `The Schema Registry's address ${problem}. Give it as http://host:port or https://host:port, with user:password@ before the host if it asks for them.`,
  )
}
