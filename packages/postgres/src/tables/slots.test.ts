import { expect, it } from '@jest/globals'
import { createSlots } from './slots.ts'

const { signal } = new AbortController()

it('gives so many slots, the others in the order in which they were asked for', async () => {
  const take = createSlots(2)
  const [first, second] = [await take(signal), await take(signal)]
  const came: string[] = []
  const third = take(signal).then((giveBack) => (came.push('third'), giveBack))
  const fourth = take(signal).then((giveBack) => (came.push('fourth'), giveBack))
  first()
  // Given back once, however often it is said.
  first()
  const thirdBack = await third
  expect(came).toEqual(['third'])
  second()
  thirdBack()
  const fourthBack = await fourth
  expect(came).toEqual(['third', 'fourth'])
  fourthBack()
})

it('forgets whoever is called off while waiting', async () => {
  const take = createSlots(1)
  const giveBack = await take(signal)
  const leaving = new AbortController()
  const left = take(leaving.signal)
  const stayed = take(signal)
  leaving.abort(new Error('no longer'))
  await expect(left).rejects.toThrow('no longer')
  await expect(take(leaving.signal)).rejects.toThrow('no longer')
  giveBack()
  await expect(stayed).resolves.toBeInstanceOf(Function)
})
