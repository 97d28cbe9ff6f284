import { noRow, type Statement } from '../wire/statement.ts'

export const ping: Statement<undefined, undefined> = {
  name: 'ping',
  text: () => 'SELECT',
  parameters: () => [],
  row: noRow,
}
