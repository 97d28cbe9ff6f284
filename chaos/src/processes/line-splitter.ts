/** Splits chunks of output into lines; a line without end is cut, so that nothing grows for ever. */
export function lineSplitter(onLine: (line: string) => void, lengthMax = 8_192): (chunk: string) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, lengthMax)
    for (const line of lines) if (line.trim() !== '') onLine(line)
  }
}
