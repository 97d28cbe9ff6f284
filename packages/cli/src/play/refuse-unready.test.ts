import { describe, expect, it } from '@jest/globals'
import type { HttpAnswer, HttpClient } from '../http/http-client.ts'
import { refuseUnready } from './refuse-unready.ts'

function answering(answers: Readonly<Record<string, Partial<HttpAnswer>>>): HttpClient {
  const get = async (url: string) => ({ status: 200, location: undefined, body: {}, ...answers[url] })
  return { get, post: () => Promise.reject(new Error('nothing is posted')), close() {} }
}

describe('before anything is played', () => {
  it('accepts services that are ready', async () => {
    await expect(refuseUnready(answering({}), { order: 'http://order' })).resolves.toBeUndefined()
  })

  it('names the service that is not ready, and what it waits for', async () => {
    const dependencies = {
      kafka: { state: 'up' },
      database: { state: 'down' },
      registry: { state: 'unknown' },
    }
    const http = answering({ 'http://payment/readyz': { status: 503, body: { dependencies } } })
    await expect(refuseUnready(http, { order: 'http://order', payment: 'http://payment' })).rejects.toThrow(
      'The service payment at http://payment is not ready: it waits for database, registry.',
    )
  })

  it('says what was answered by something that is no service', async () => {
    const http = answering({ 'http://order/readyz': { status: 404, body: 'what?' } })
    await expect(refuseUnready(http, { order: 'http://order' })).rejects.toThrow('/readyz answers 404')
  })
})
