import { TroupeError } from '@troupe/core'

/** The lines between which `troupe graph --into` writes. */
export const beginMarker = '<!-- troupe graph -->'
export const endMarker = '<!-- /troupe graph -->'

/**
 * The text with the picture between the markers replaced by this one.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` if there is not exactly one pair of markers, in this order.
 */
export function withPicture(text: string, picture: string, fileName: string): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const begin = text.indexOf(beginMarker)
  const end = text.indexOf(endMarker)
  const isOnePair =
    begin >= 0 &&
    end > begin &&
    text.indexOf(beginMarker, begin + 1) < 0 &&
    text.indexOf(endMarker, end + 1) < 0
  if (!isOnePair) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `${fileName} needs exactly one pair of markers for the picture to stand between. Put these two lines where it belongs:\n${beginMarker}\n${endMarker}`,
    )
  }
  const block = ['', '```mermaid', ...picture.trimEnd().split('\n'), '```', ''].join(newline)
  return text.slice(0, begin + beginMarker.length) + block + text.slice(end)
}
