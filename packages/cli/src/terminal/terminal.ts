import pc from 'picocolors'

export type Colors = ReturnType<typeof pc.createColors>

/** Where a command speaks: data on one stream, everything else on the other. */
export interface Terminal {
  /** A line, or several, of data: stdout. */
  print(text: string): void
  /** A line for whoever looks on: stderr. */
  note(text: string): void
  /** Colours for {@link print}; they do nothing where colour is not wanted. */
  readonly colors: Colors
  /** Colours for {@link note}. */
  readonly noteColors: Colors
  /** True if somebody watches stderr, so that a line may be drawn over. */
  readonly isWatched: boolean
  /** Columns of stdout. */
  readonly width: number
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const widthDefault = 100

/** The terminal on these streams. Colour goes by NO_COLOR, FORCE_COLOR, TERM and whether it is a terminal at all. */
export function terminalOn(
  stdout: Stream = process.stdout,
  stderr: Stream = process.stderr,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Terminal {
  const isDumb = environment['TERM'] === 'dumb'
  const hasColor = (stream: Stream) => {
    if (environment['NO_COLOR']) return false
    const forced = environment['FORCE_COLOR']
    if (forced !== undefined) return forced !== '0' && forced !== 'false'
    return (stream.isTTY ?? false) && !isDumb
  }
  return {
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    colors: pc.createColors(hasColor(stdout)),
    noteColors: pc.createColors(hasColor(stderr)),
    isWatched: (stderr.isTTY ?? false) && !isDumb,
    get width() {
      return stdout.columns ?? widthDefault
    },
  }
}
