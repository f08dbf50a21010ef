import { openMovies } from '../site/movie-file.ts'
import { uploadMovies } from '../site/movie-upload.ts'
import { findTarget } from '../stack/target.ts'
import { defineCommand } from '../terminal/command.ts'
import { stackOfSite, url } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: 'FILE|URL',
  about: `Adds the movies of a file or URL to a running site, and replaces those that it already has.
The file is a JSON array of {"year", "title", "info"}, or one of them per line (NDJSON of any size).
Run it again after a failure: that is safe and completes the load.`,
  options: {
    url: { ...url, help: 'address of the site (default http://127.0.0.1:8080)' },
    stack: stackOfSite,
    token: {
      type: 'string',
      value: 'TOKEN',
      help: 'write token; WRITE_TOKEN in the environment is safer',
    },
  },
  async run({ url, stack, token }, [source = '']) {
    const local = stack === undefined ? 'http://127.0.0.1:8080' : undefined
    const target = await findTarget({ stack, token, url: url ?? local })
    step(`Reading ${source}`)
    const movies = await openMovies(source)
    step(`Loading into ${target.base}`)
    await uploadMovies(movies, { source, target })
  },
})
