import { describe, expect, it } from '@jest/globals'
import { SourceTextModule } from 'node:vm'
import { mutants } from '../mutants/mutants.ts'
import { curse } from '../poison/curse.ts'
import { chosenIn } from './choose.ts'
import { failpointGraft, failpointNames } from './failpoints.ts'
import { edited, type Form, graftedTexts } from './graft.ts'

const module = 'room/file'

describe('A graft', () => {
  it('puts its text before its anchor, after it, or in its place, and moves no line', () => {
    const text = 'one()\ntwo()\nthree()\n'
    expect(edited(text, { module, anchor: 'two()', before: 'x();' }, 'g')).toBe(
      'one()\nx(); two()\nthree()\n',
    )
    expect(edited(text, { module, anchor: 'two()', after: '; x()' }, 'g')).toBe(
      'one()\ntwo(); x()\nthree()\n',
    )
    expect(edited(text, { module, anchor: 'one() two()', replace: 'x()' }, 'g')).toBe('x()\n\nthree()\n')
  })

  it('finds one anchor in what a person wrote and in what the compiler made of it', () => {
    const edit = { module, anchor: 'if (a) b() c()', replace: 'x()' }
    expect(edited('if (a) b()\n  c()\n', edit, 'g')).toBe('x()\n\n')
    expect(edited('if (a)\n        b();\n    c();\n', edit, 'g')).toBe('x()\n\n;\n')
  })

  it('is an error where its anchor is not found exactly once, and says how often', () => {
    const edit = { module, anchor: 'two()', replace: '' }
    expect(() => edited('one()', edit, 'g')).toThrow('"two()" in room/file, and finds it 0 times')
    expect(() => edited('two() two()', edit, 'g')).toThrow('finds it 2 times')
  })
})

describe('The grafts that there are', () => {
  const grafts = [...failpointNames.map(failpointGraft), ...mutants, curse]

  it.each(grafts.map((graft) => [graft.name, graft] as const))(
    '%s fits the sources and what they are compiled to',
    (_name, graft) => {
      for (const form of ['src', 'dist'] as const satisfies readonly Form[])
        expect(graftedTexts([graft], form).size).toBeGreaterThan(0)
      // What is put in must still be a program: compiled here, and not run.
      for (const [url, text] of graftedTexts([graft], 'dist'))
        expect(new SourceTextModule(text, { identifier: url }).status).toBe('unlinked')
    },
  )

  it('have a name each', () => {
    const names = grafts.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })
})

describe('TROUPE_GRAFTS', () => {
  it('names failpoints with what happens there, and at which time', () => {
    const { grafts, failpoints } = chosenIn('after-commit:kill@3, before-settle:throw,after-commit:stop')
    expect(failpoints).toEqual([
      { name: 'after-commit', action: 'kill', nth: 3 },
      { name: 'before-settle', action: 'throw', nth: 1 },
      { name: 'after-commit', action: 'stop', nth: 1 },
    ])
    expect(grafts.map(({ name }) => name)).toEqual(['after-commit', 'before-settle'])
  })

  it.each(['after-comit:kill', 'after-commit', 'after-commit:burn', 'after-commit:kill@0'])(
    'refuses %s by name',
    (word) => {
      expect(() => chosenIn(word)).toThrow(`names "${word}", which is neither`)
    },
  )
})
