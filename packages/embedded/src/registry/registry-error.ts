/** An answer that is an error: the HTTP status, the registry's own code, and what is wrong. */
export class RegistryError extends Error {
  readonly status: number
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'RegistryError'
    // 40401 is a kind of 404; a code of three digits is its own status.
    this.status = code > 999 ? Math.floor(code / 100) : code
    this.code = code
  }
}

/** The registry's error codes (Confluent Schema Registry API reference), each with its message. */
export const registryErrors = {
  subjectNotFound: (subject: string) => new RegistryError(40401, `Subject '${subject}' not found.`),
  versionNotFound: (version: number | string) => new RegistryError(40402, `Version ${version} not found.`),
  schemaNotFound: (what = 'Schema not found') => new RegistryError(40403, what),
  subjectSoftDeleted: (subject: string) =>
    new RegistryError(
      40404,
      `Subject '${subject}' was soft deleted. Set permanent=true to delete permanently.`,
    ),
  subjectNotSoftDeleted: (subject: string) =>
    new RegistryError(40405, `Subject '${subject}' was not deleted first before being permanently deleted.`),
  versionSoftDeleted: (subject: string, version: number) =>
    new RegistryError(
      40406,
      `Subject '${subject}' version ${version} was soft deleted. Set permanent=true to delete permanently.`,
    ),
  versionNotSoftDeleted: (subject: string, version: number) =>
    new RegistryError(
      40407,
      `Subject '${subject}' version ${version} was not deleted first before being permanently deleted.`,
    ),
  noSubjectCompatibility: (subject: string) =>
    new RegistryError(40408, `Subject '${subject}' does not have subject-level compatibility configured.`),
  noSubjectMode: (subject: string) =>
    new RegistryError(40409, `Subject '${subject}' does not have subject-level mode configured.`),
  invalidSchema: (why: string) => new RegistryError(42201, `Invalid schema: ${why}`),
  invalidVersion: (version: string) =>
    new RegistryError(
      42202,
      `The specified version '${version}' is not a valid version id. ` +
        'Allowed values are between 1 and 2^31-1 and the string "latest".',
    ),
  invalidCompatibility: (value: unknown, allowed: readonly string[]) =>
    new RegistryError(
      42203,
      `Invalid compatibility level ${JSON.stringify(value)}. Valid values are ${allowed.join(', ')}.`,
    ),
  invalidMode: (value: unknown, allowed: readonly string[]) =>
    new RegistryError(
      42204,
      `Invalid mode ${JSON.stringify(value)}. Valid values are ${allowed.join(', ')}.`,
    ),
  notPermitted: (why: string) => new RegistryError(42205, why),
  referenceExists: (subject: string, version: number, ids: readonly number[]) =>
    new RegistryError(
      42206,
      `One or more references exist to version ${version} of subject '${subject}': schema ids ${ids.join(', ')}.`,
    ),
  incompatible: (subject: string, problems: readonly string[]) =>
    new RegistryError(
      409,
      `Schema being registered is incompatible with an earlier schema for subject '${subject}': ${problems.join('; ')}`,
    ),
  storeFailed: (why: string) => new RegistryError(50001, `The registry's store failed: ${why}`),
}
