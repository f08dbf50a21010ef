import type { Fields } from '../http/form.ts'
import { type Html, html } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'
import type { Reply } from '../http/reply.ts'
import { type Field, hidden, input, problemNote, tokenInput } from '../pages/form.ts'
import { createPage } from '../pages/page.ts'
import { serviceStyle } from '../pages/style.ts'

const name: Field = {
  name: 'username',
  label: 'Name',
  attributes: html` required pattern="\\p{L}{1,64}" title="1 to 64 letters" autocomplete="off"`,
}

/** Makes the functions that render the pages of birthdays. */
export function createBirthdayPages({
  needsToken,
  today,
}: {
  needsToken: boolean
  today: () => Temporal.PlainDate
}) {
  const page = { title: 'Birthdays', style: serviceStyle, path: '/birthdays', forms: true } as const
  const render = createPage(page, 'no-store')

  return { forms, greeting, unknown, deleted, notDeleted }

  /** The forms to save a birthday and to ask for a greeting. */
  function forms(typed: Fields = {}, error?: HttpError): Reply {
    return render(html`<h1>Birthdays</h1>
<p class="lead">Save your birthday once, and be greeted every day.</p>
${saveForm(typed, error)}
<section aria-labelledby="greet">
<h2 id="greet">Greet someone</h2>
<form action="/birthdays" class="quiet">
${input(name)}
<p class="buttons"><button>Greet</button></p>
</form>
</section>
<section aria-labelledby="privacy">
<h2 id="privacy">Who can see it</h2>
<p>A birthday is personal: names and the next birthdays are not listed here. Those who know a name get its greeting, which counts the days but never shows the date.</p>
</section>
`)
  }

  /** Greets someone, who can change or delete their data here. */
  function greeting(username: string, days: number): Reply {
    const title = days === 0 ? `Happy birthday, ${username}!` : `Hello, ${username}!`
    return render(
      html`<h1 dir="auto">${title}</h1>
<p class="lead">${waiting(days)}</p>
<section>
<details>
<summary>Change my date of birth</summary>
${saveForm({ username })}
</details>
<details>
<summary>Delete my data</summary>
${deleteForm(username)}
</details>
</section>
`,
      title,
    )
  }

  function unknown(username: string): Reply {
    const page = render(html`<h1>No birthday for <bdi>${username}</bdi> yet</h1>
<p class="lead">Check the name, or save the birthday.</p>
${saveForm({ username })}
<p><a href="/birthdays">Greet someone else</a></p>
`)
    return { ...page, status: 404, etag: undefined }
  }

  function deleted(username: string): Reply {
    return render(html`<h1>Deleted</h1>
<p class="lead">The birthday of <bdi>${username}</bdi> is no longer stored here.</p>
<p><a href="/birthdays">Save a birthday</a></p>
`)
  }

  /** The form to delete after an error. */
  function notDeleted({ username = '' }: Fields, error: HttpError): Reply {
    return render(html`<h1>Delete my data</h1>
${deleteForm(username, error)}
`)
  }

  function saveForm({ username, dateOfBirth }: Fields, error?: HttpError): Html {
    const yesterday = today().subtract({ days: 1 }).toString()
    const isKnown = username !== undefined && error === undefined
    const date: Field = {
      name: 'dateOfBirth',
      label: 'Date of birth',
      value: dateOfBirth,
      attributes: html` type="date" required min="0001-01-01" max="${yesterday}"`,
    }
    return html`<form method="post" action="/birthdays">
${problemNote('Not saved.', error, [name, date])}
${isKnown ? hidden('username', username) : input({ ...name, value: username }, error)}
${input(date, error)}
${tokenInput(needsToken, error)}
<p class="buttons"><button>Save</button></p>
</form>
`
  }

  function deleteForm(username: string, error?: HttpError): Html {
    return html`<form method="post" action="/birthdays/delete">
${problemNote('Not deleted.', error, [])}
<p>This removes the name <bdi>${username}</bdi> and its date of birth for good.</p>
${hidden('username', username)}
${tokenInput(needsToken, error)}
<p class="buttons"><button>Delete</button></p>
</form>
`
  }
}

function waiting(days: number): string {
  if (days === 0) return 'Today is your day.'
  return days === 1 ? 'Your birthday is tomorrow.' : `Your birthday is in ${days} days.`
}
