import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of what is compiled. From the sources as well, which tests run on: Node runs what is compiled. */
export const compiled = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist')
