import type { Writable } from 'node:stream'

/**
 * Ends the process as soon as all that was said has been handed over. A module that was loaded, to read the
 * services that it exports, may have left a timer or a connection behind: nobody waits for that.
 */
export function leaveOnceSaid(
  exitCode: number,
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
  end: (exitCode: number) => void,
): void {
  stdout.write('', () => stderr.write('', () => end(exitCode)))
}
