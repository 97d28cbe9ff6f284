import { describe, expect, it } from '@jest/globals'
import { withPicture } from './rewrite.ts'

const readme = '# Title\n<!-- troupe graph -->\nold\n<!-- /troupe graph -->\nrest\n'

describe('the picture in a file', () => {
  it('replaces what stands between the markers, and nothing else', () => {
    expect(withPicture(readme, 'flowchart LR\n', 'README.md')).toBe(
      '# Title\n<!-- troupe graph -->\n```mermaid\nflowchart LR\n```\n<!-- /troupe graph -->\nrest\n',
    )
  })

  it('changes nothing where the picture is there already', () => {
    const once = withPicture(readme, 'flowchart LR\n', 'README.md')
    expect(withPicture(once, 'flowchart LR\n', 'README.md')).toBe(once)
  })

  it('keeps the line ends of the file', () => {
    const after = withPicture(readme.replaceAll('\n', '\r\n'), 'a\nb\n', 'README.md')
    expect(after.replaceAll('\r\n', '')).not.toContain('\n')
  })

  it.each([
    ['no markers', '# Title\n'],
    ['one marker', '<!-- troupe graph -->\n'],
    ['markers in the wrong order', '<!-- /troupe graph -->\n<!-- troupe graph -->\n'],
    ['two pairs', readme + readme],
  ])('refuses a file with %s, and says what to put there', (_, text) => {
    expect(() => withPicture(text, 'flowchart LR\n', 'README.md')).toThrow(
      /README\.md needs exactly one pair of markers[^]*<!-- troupe graph -->\n<!-- \/troupe graph -->/,
    )
  })
})
