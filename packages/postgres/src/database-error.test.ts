import { describe, expect, it } from '@jest/globals'
import { retryVerdictOf } from '@troupe/core'
import { ledgerError, type Trouble, troubleOf } from './database-error.ts'

const address = { host: 'db', port: 5432, database: 'order', user: 'order' }

function said(code: string, table?: string): Error {
  return Object.assign(new Error(`the server said ${code}`), { code, severity: 'ERROR', table })
}

const met = (code: string) => Object.assign(new Error(code), { code, syscall: 'connect' })

/** What is met in the field, and what it means for the work. */
const cases: readonly [Error, Trouble][] = [
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
  ].map((code): [Error, Trouble] => [met(code), 'unreachable']),
  [new Error('Connection terminated unexpectedly'), 'unreachable'],
  [new Error('timeout exceeded when trying to connect'), 'unreachable'],
  [new AggregateError([met('ECONNREFUSED'), met('ECONNREFUSED')], ''), 'unreachable'],
  ...[
    '08006',
    '53200',
    '53300',
    '57014',
    '57P01',
    '57P02',
    '57P03',
    '57P05',
    '58030',
    '0A000',
    '25006',
    '25P02',
    '26000',
    '42P01',
    'XX000',
    '3D000',
    'XX001',
  ].map((code): [Error, Trouble] => [said(code), 'unreachable']),
  [said('53100'), 'full'],
  ...['42501', '28P01', '28000'].map((code): [Error, Trouble] => [said(code), 'denied']),
  ...['40001', '40P01', '55P03', 'TR002'].map((code): [Error, Trouble] => [said(code), 'conflict']),
  [said('23505', 'inbox'), 'conflict'],
  [said('23505', 'answer'), 'conflict'],
  [said('23505', 'outbox'), 'bug'],
  [said('TR001'), 'fenced'],
  ...['22P05', '22021', '23502', '54000', '54001'].map((code): [Error, Trouble] => [said(code), 'bug']),
]

describe('an error of the database', () => {
  it.each(cases.map(([error, trouble]) => [error.message || error.name, trouble, error] as const))(
    '"%s" means %s',
    (_, trouble, error) => {
      expect(troubleOf(error)).toBe(trouble)
      const verdicts = {
        unreachable: 'wait',
        denied: 'wait',
        conflict: 'decide-again',
        fenced: 'let-go',
        full: 'wait',
        bug: 'blame',
      }
      expect(retryVerdictOf(ledgerError(error, 'insert-inbox', address))).toBe(verdicts[trouble])
    },
  )

  it('says where, during what and why, and keeps the cause', () => {
    const cause = new AggregateError(
      [new Error('connect ECONNREFUSED ::1'), new Error('connect ECONNREFUSED 127.0.0.1')],
      '',
    )
    const error = ledgerError(cause, 'connecting', address)
    expect(error.message).toContain('db:5432/order')
    expect(error.message).toContain('(connecting): connect ECONNREFUSED ::1; connect ECONNREFUSED 127.0.0.1.')
    expect(error.cause).toBe(cause)
  })

  it('names the user, the database and the right where a right is missing, and how to let it in', () => {
    const denied = ledgerError(
      Object.assign(new Error('permission denied for schema troupe'), { code: '42501', severity: 'ERROR' }),
      'migration 0001-ledger',
      address,
    )
    expect(denied).toMatchObject({ code: 'TROUPE_ACCESS_DENIED', details: { user: 'order' } })
    expect(denied.message).toMatch(
      /db:5432\/order denies the user order a right \(migration 0001-ledger\): permission denied for schema troupe\. Grant it/,
    )
    expect(ledgerError(said('28P01'), 'connecting', address).message).toMatch(
      /does not let the user order in: the server said 28P01\. Correct the user name and password/,
    )
  })

  it('says of a certificate that is not trusted what to give', () => {
    const error = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(ledgerError(error, 'connecting', address).message).toContain('DATABASE_CA_FILE')
  })

  it('names the statement where the work is to blame', () => {
    expect(ledgerError(said('22P05'), 'insert-inbox', address).message).toBe(
      "The ledger's statement insert-inbox failed: the server said 22P05",
    )
  })
})
