import test from 'node:test'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'

// The tests of the contract run again in this process, with servers that use DynamoDB.
const files = [
  'birthdays.test.ts',
  'birthdays/page.test.ts',
  'contract.test.ts',
  'http/conditional.test.ts',
  'http/form.test.ts',
  'http/negotiate.test.ts',
  'movies.test.ts',
  'movies/drawings.test.ts',
  'movies/lines.test.ts',
  'movies/page.test.ts',
  'movies/pages.test.ts',
  'movies/search.test.ts',
  'pages/hostile.test.ts',
  'saved-string.test.ts',
  'saved-string/follow.test.ts',
  'saved-string/page.test.ts',
]

if (needsDynoxide) test('the contract on DynamoDB', { skip: needsDynoxide }, () => {})
else {
  process.env.TEST_DYNAMODB_URL = await startDynoxide()
  for (const file of files) await import(`./${file}`)
}
