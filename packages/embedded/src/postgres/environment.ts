/**
 * The environment of the server and its tools. Little is passed on: PG* variables and locales would
 * change what it does, and a parent's secrets have no business in another user's process.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' }
  for (const name of ['PATH', 'SystemRoot', 'TEMP', 'TMP']) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}
