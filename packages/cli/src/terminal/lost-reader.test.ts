import { describe, expect, it } from '@jest/globals'
import { EventEmitter } from 'node:events'
import { endWithReader } from './lost-reader.ts'

describe('a reader who goes away', () => {
  it('ends the command, unless that puts its things in order first', () => {
    const [stdout, stderr] = [new EventEmitter(), new EventEmitter()]
    const ended: number[] = []
    endWithReader({ stdout, stderr }, (code) => void ended.push(code))
    stderr.emit('error', new Error('write EPIPE'))
    const own = () => {}
    stdout.on('error', own)
    stdout.emit('error', new Error('write EPIPE'))
    expect(ended).toEqual([])
    stdout.off('error', own)
    stdout.emit('error', new Error('write EPIPE'))
    expect(ended).toEqual([141])
  })
})
