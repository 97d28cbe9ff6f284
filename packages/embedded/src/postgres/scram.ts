import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)
const iterations = 4096

/** A password for a role: 24 random bytes, with nothing in it that a URL would escape. */
export function randomPassword(): string {
  return randomBytes(24).toString('base64url')
}

/**
 * What PostgreSQL stores for a password (RFC 5803, RFC 7677). Sent in its stead, so that no statement,
 * and hence no log, ever holds the password. Passwords beyond ASCII would need SASLprep first.
 */
export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16)
  const salted = await derive(password, salt, iterations, 32, 'sha256')
  const keyOf = (label: string) => createHmac('sha256', salted).update(label).digest()
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  const serverKey = keyOf('Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}
