/**
 * One client's connection: frames in, frames out, in order.
 *
 * Invariants
 * 1. Responses leave in the order in which their requests came (Java clients insist on it): each request
 *    takes a slot in a queue, and only the slot at the head is written.
 * 2. A parked request (a fetch that waits for data) never holds up the ones behind it: when a request
 *    arrives, everything parked on this connection is released first.
 * 3. Handlers run one after the other in the order of arrival until they answer or park, so a pipelined
 *    producer's batches are appended in the order in which it sent them.
 * 4. Bounded: a frame above `requestBytesMax` closes the connection before it is read; while a client does
 *    not read its responses, or has too many unanswered, its requests are not read either.
 * 5. After `close` nothing is written and everything parked is released; a handler's late answer is
 *    dropped.
 *
 * Owner: the listener. The connection owns its socket and its parked requests.
 */
import type { Socket } from 'node:net'
import { FrameReader } from './frame-reader.ts'

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void

/** What the connection asks the dispatcher for: the frame of a response, or null for none. */
export type Answer = (frame: Buffer, connection: Connection) => Promise<Buffer[] | null> | Buffer[] | null

export interface ConnectionOptions {
  readonly requestBytesMax: number
  readonly answer: Answer
  readonly log: Log
}

interface Slot {
  /** Undefined until answered; null for an answer without bytes. */
  response: Buffer[] | null | undefined
}

const UNANSWERED_MAX = 1024

export class Connection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #frames: FrameReader
  readonly #slots: Slot[] = []
  readonly #parked = new Set<() => void>()
  #isServing = false
  #isClosed = false
  /** `host:port` of the client, for log lines. */
  readonly peer: string
  readonly clientHost: string

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#frames = new FrameReader(options.requestBytesMax)
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`
    this.clientHost = `/${socket.remoteAddress ?? ''}`
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('drain', () => this.#flow())
    // A reset by the client is its way to hang up, nothing to report; 'close' follows.
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Registers something that waits; `release` is called once at most, and must make it answer. */
  park(release: () => void): () => void {
    this.#parked.add(release)
    return () => this.#parked.delete(release)
  }

  /** Makes everything that waits on this connection answer with what there is. */
  releaseParked(): void {
    const parked = [...this.#parked]
    this.#parked.clear()
    for (const release of parked) release()
  }

  /** Ends the connection at once. With a reason, says so in the log: it is the client's fault. */
  close(reason?: string): void {
    if (this.#isClosed) return
    if (reason !== undefined) this.#options.log('warn', `closing the connection of ${this.peer}: ${reason}`)
    this.#socket.destroy()
    this.#end()
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk)
    this.#serveAll()
  }

  #serveAll(): void {
    // An answer that is ready at once leads back here: it must not serve the next request inside this one.
    if (this.#isServing) return
    this.#isServing = true
    try {
      while (!this.#isClosed && !this.#isHeld()) {
        const frame = this.#frames.next()
        if (frame === null) break
        this.#serve(frame)
      }
    } catch (error) {
      this.close(messageOf(error))
    } finally {
      this.#isServing = false
    }
  }

  #serve(frame: Buffer): void {
    this.releaseParked()
    const slot: Slot = { response: undefined }
    this.#slots.push(slot)
    const settle = (response: Buffer[] | null): void => {
      slot.response = response
      this.#flush()
    }
    const answer = this.#options.answer(frame, this)
    if (!(answer instanceof Promise)) return settle(answer)
    this.#flow()
    answer.then(settle, (error: unknown) => this.close(messageOf(error)))
  }

  #flush(): void {
    if (this.#isClosed) return
    this.#socket.cork()
    for (let head = this.#slots[0]; head?.response !== undefined; head = this.#slots[0]) {
      this.#slots.shift()
      for (const part of head.response ?? []) this.#socket.write(part)
    }
    this.#socket.uncork()
    this.#flow()
  }

  /** Whether requests have to wait until the client has read more of its responses. */
  #isHeld(): boolean {
    return this.#socket.writableNeedDrain || this.#slots.length >= UNANSWERED_MAX
  }

  #flow(): void {
    if (this.#isClosed) return
    if (this.#isHeld()) {
      this.#socket.pause()
      return
    }
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#serveAll()
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#slots.length = 0
    this.releaseParked()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
