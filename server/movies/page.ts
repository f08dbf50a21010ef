import type { Fields } from '../http/form.ts'
import { type Html, html } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'
import type { Reply } from '../http/reply.ts'
import { type Field, hidden, input, problemNote, tokenInput } from '../pages/form.ts'
import { createPage } from '../pages/page.ts'
import { detailsOf, otherFacts } from './details.ts'
import type { Drawing, Drawings } from './drawings.ts'
import type { Movie, MovieKey } from './movie.ts'
import { style } from './page-style.ts'
import { type ListQuery, pathOf } from './query.ts'
import type { Listed } from './store.ts'

/** What the page with all movies shows above them. */
export interface Overview {
  count: number
  drawings: Drawings
}

const number = new Intl.NumberFormat('en')

const fields: Field[] = [
  { name: 'year', label: 'Year', attributes: html` required type="number" min="1" max="9999"` },
  { name: 'title', label: 'Title', attributes: html` required maxlength="500"` },
  { name: 'plot', label: 'Plot', lines: 4 },
  {
    name: 'rating',
    label: 'Rating',
    hint: 'from 0 to 10',
    attributes: html` type="number" min="0" max="10" step="any"`,
  },
  { name: 'actors', label: 'Cast', hint: 'one name per line', lines: 4 },
]

/** Makes the functions that render the pages of movies. */
export function createMoviePages(needsToken: boolean) {
  const page = { title: 'Movies', style, path: '/movies', forms: true, images: true } as const
  const render = createPage(page)

  return { list, movie, form, deleted, notDeleted }

  /** A page of movies; `next` is the path of the next one. */
  function list(
    query: ListQuery,
    movies: Listed[],
    { next, overview }: { next: string | undefined; overview?: Overview | undefined },
  ): Reply {
    const title = titleOf(query)
    const isEmpty = overview?.count === 0
    return render(
      html`<h1>${title}</h1>
${overview && lead(overview)}${!isEmpty && finders(query)}${overview && drawings(overview)}${
  movies.length > 0
    ? table(movies)
    : !isEmpty &&
      html`<p>No movies found.</p>
`
}<nav class="more" aria-label="Pages">
${
  next !== undefined &&
  html`<a href="${next}" rel="next">Next page</a>
`
}${
  overview === undefined &&
  html`<a href="/movies">All movies</a>
`
}<a href="/movies/edit">Add a movie</a>
</nav>
`,
      title,
    )
  }

  function movie({ year, title, info: text }: Movie): Reply {
    const info = JSON.parse(text)
    const { plot, rating, actors } = detailsOf(info)
    return render(
      html`<h1 dir="auto"${title.length > 100 && html` class="long"`}>${title}</h1>
<p class="lead"><a href="/movies?year=${year}">${year}</a>${rating && html` · rated ${rating} of 10`}</p>
${
  plot &&
  html`<p class="plot" dir="auto">${plot}</p>
`
}${actors && cast(actors.split('\n'))}${facts(otherFacts(info))}<section>
<p><a href="${pathOf({ year, title }).replace('?', '/edit?')}">Change this movie</a></p>
<details>
<summary>Delete this movie</summary>
${deleteForm({ year, title })}
</details>
</section>
`,
      title,
    )
  }

  /** The form to add or change a movie, again after an error. Typed text with a version changes one. */
  function form(typed: Fields = {}, error?: HttpError): Reply {
    const { version, year = '', title = '' } = typed
    const isNew = version === undefined
    const heading = isNew ? 'Add a movie' : 'Change a movie'
    const shown = isNew ? fields : fields.slice(2)
    return render(
      html`<h1>${heading}</h1>
${
  !isNew &&
  html`<p class="lead"><bdi>${title}</bdi> (${year})</p>
`
}<form method="post" action="/movies/edit">
${problemNote('Not saved.', error, fields)}${!isNew && html`${hidden('year', year)}${hidden('title', title)}${hidden('version', version)}`}${shown.map((field) => input({ ...field, value: typed[field.name] }, error))}${tokenInput(needsToken, error)}<p class="buttons"><button>Save</button></p>
</form>
`,
      heading,
    )
  }

  function deleted({ year, title }: MovieKey): Reply {
    return render(html`<h1>Deleted</h1>
<p class="lead"><bdi>${title}</bdi> (${year}) is no longer stored here.</p>
<p><a href="/movies">All movies</a></p>
`)
  }

  /** The form to delete after an error. */
  function notDeleted({ year = '', title = '' }: Fields, error: HttpError): Reply {
    return render(html`<h1>Delete a movie</h1>
${deleteForm({ year, title }, error)}`)
  }

  function deleteForm(
    { year, title }: { year: number | string; title: string },
    error?: HttpError,
  ): Html {
    return html`<form method="post" action="/movies/delete">
${problemNote('Not deleted.', error, [])}<p>This removes <bdi>${title}</bdi> (${year}) for good.</p>
${hidden('year', year)}${hidden('title', title)}${tokenInput(needsToken, error)}<p class="buttons quiet"><button>Delete</button></p>
</form>
`
  }
}

function titleOf({ year, search }: ListQuery): string {
  if (search) return `Movies that begin with “${search}”`
  return year === undefined ? 'Movies' : `Movies of ${year}`
}

function lead({ count }: Overview): Html {
  if (count > 0) {
    return html`<p class="lead">${number.format(count)} ${count === 1 ? 'movie' : 'movies'} · <a href="/movies/edit">Add one</a></p>
`
  }
  return html`<p class="lead">There are no movies yet.</p>
<p>Load twenty old films from a clone of onebox, with <code>--url</code> and the address of this site if it runs elsewhere:</p>
<p><code>npx onebox load-movies docs/movies.json</code></p>
`
}

function finders({ year, search = '' }: ListQuery): Html {
  return html`<div class="finders quiet">
<form action="/movies" role="search" aria-label="Movies by title">
<label><span>Title begins with</span> <input type="search" name="search" dir="auto" maxlength="500" autocomplete="off" value="${search}"></label>
<button>Find</button>
</form>
<form action="/movies" role="search" aria-label="Movies by year">
<label><span>Year</span> <input type="number" name="year" required min="1" max="9999" value="${year ?? ''}"></label>
<button>Show</button>
</form>
</div>
`
}

function drawings({ count, drawings: { years, ratings } }: Overview): Html | false {
  return (
    count > 0 &&
    html`<div class="drawings">
${figure(years, '/movies/years.svg')}${figure(ratings, '/movies/ratings.svg')}</div>
`
  )
}

function figure({ title, text, isEmpty }: Drawing, path: string): Html {
  if (isEmpty) return html``
  return html`<figure>
<figcaption>${title}</figcaption>
<img src="${path}" width="360" height="180" alt="${text}">
</figure>
`
}

function table(movies: Listed[]): Html {
  return html`<table>
<thead><tr><th scope="col">Year</th><th scope="col">Title</th><th scope="col">Rating</th></tr></thead>
<tbody>
${movies.map(row)}</tbody>
</table>
`
}

function row({ year, title, rating }: Listed): Html {
  return html`<tr><td>${year}</td><td dir="auto"><a href="${pathOf({ year, title })}">${title}</a></td><td>${typeof rating === 'number' && ratingText(rating)}</td></tr>
`
}

/** With a digit after the point, so that they line up. */
function ratingText(rating: number): string {
  return Number.isInteger(rating) ? rating.toFixed(1) : String(rating)
}

function cast(names: string[]): Html {
  return html`<section aria-labelledby="cast">
<h2 id="cast">Cast</h2>
<ul>
${names.map(
  (name) => html`<li dir="auto">${name}</li>
`,
)}</ul>
</section>
`
}

function facts(all: [name: string, text: string][]): Html | false {
  return (
    all.length > 0 &&
    html`<section aria-labelledby="facts">
<h2 id="facts">More</h2>
<dl>
${all.map(
  ([name, text]) => html`<div><dt dir="auto">${name}</dt><dd dir="auto">${text}</dd></div>
`,
)}</dl>
</section>
`
  )
}
