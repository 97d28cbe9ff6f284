import { describe, expect, it } from '@jest/globals'
import { chooseStack, chosenName } from './choose-stack.ts'

describe('the stack of a harness', () => {
  it('is the embedded one unless TROUPE_STACK says otherwise', () => {
    expect(chosenName({})).toBe('embedded')
    expect(chosenName({ TROUPE_STACK: '' })).toBe('embedded')
    expect(chosenName({ TROUPE_STACK: 'testcontainers' })).toBe('testcontainers')
  })

  it.each(['docker', 'EMBEDDED', ' external'])('is not %j, and the message names those that are', (name) => {
    expect(() => chosenName({ TROUPE_STACK: name })).toThrow(
      `TROUPE_STACK: "${name}" is no stack. Take one of embedded, testcontainers, external.`,
    )
  })

  it('is refused under a name that no type checker saw', async () => {
    await expect(chooseStack('docker' as 'embedded', {})).rejects.toThrow('"docker" is no stack.')
  })

  it('needs three addresses from outside: all that are missing are named at once, with examples', async () => {
    await expect(chooseStack('external', { TROUPE_EXTERNAL_REGISTRY: '' })).rejects.toMatchObject({
      code: 'TROUPE_SETTING_INVALID',
      message: expect.stringMatching(
        /TROUPE_EXTERNAL_KAFKA is missing.*=127\.0\.0\.1:9092; TROUPE_EXTERNAL_REGISTRY is missing.*; TROUPE_EXTERNAL_POSTGRES is missing/,
      ),
    })
  })

  it('refuses addresses that are none, and never repeats one that may hold a password', async () => {
    const refusal = chooseStack('external', {
      TROUPE_EXTERNAL_KAFKA: 'kafka',
      TROUPE_EXTERNAL_REGISTRY: 'registry:8081',
      TROUPE_EXTERNAL_POSTGRES: 'mysql://root:hunter2@database/postgres',
    })
    await expect(refusal).rejects.toThrow(
      /KAFKA is no address.*REGISTRY is no address.*POSTGRES is no address\. Give it like postgres:/,
    )
    await expect(refusal).rejects.not.toThrow(/hunter2/)
  })

  it('needs what a secured Kafka asks for, whole: what is missing is named by the variable that is read', async () => {
    const refusal = chooseStack('external', {
      TROUPE_EXTERNAL_KAFKA: '127.0.0.1:1',
      TROUPE_EXTERNAL_REGISTRY: 'http://127.0.0.1:1',
      TROUPE_EXTERNAL_POSTGRES: 'postgres://postgres:x@127.0.0.1:1/postgres',
      TROUPE_EXTERNAL_KAFKA_TLS_CA_FILE: '/nowhere.pem',
      TROUPE_EXTERNAL_KAFKA_SASL_MECHANISM: 'scram-sha-512',
      TROUPE_EXTERNAL_KAFKA_SASL_PASSWORD: 'hunter2',
    })
    await expect(refusal).rejects.toThrow(
      /TROUPE_EXTERNAL_KAFKA_TLS_CA_FILE: TROUPE_EXTERNAL_KAFKA_TLS is not 1.*TROUPE_EXTERNAL_KAFKA_SASL_USERNAME is missing: TROUPE_EXTERNAL_KAFKA_SASL_PASSWORD needs it/,
    )
    await expect(refusal).rejects.not.toThrow(/hunter2/)
  })

  it('is a stack that the test gives, which is shared and stays', async () => {
    const stack = {
      kafka: { address: 'a:1' },
      registry: { url: 'http://b' },
      postgres: { createDatabase: async () => '' },
      stop: () => Promise.reject(new Error('it was to stay')),
    }
    const chosen = await chooseStack(stack, { TROUPE_STACK: 'nonsense' })
    expect(chosen).toMatchObject({ stack, isShared: true })
    await chosen.release()
  })
})
