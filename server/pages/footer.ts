const links = {
  '/': 'Saved string',
  '/docs#birthdays': 'Birthdays',
  '/movies': 'Movies',
  '/docs': 'API',
  '/status': 'Status',
}

/** Links to every page; `current` is the page itself. */
export function footer(current?: keyof typeof links): string {
  const items = Object.entries(links).map(
    ([path, name]) =>
      `<a href="${path}"${path === current ? ' aria-current="page"' : ''}>${name}</a>`,
  )
  return `<footer><nav aria-label="Services">\n${items.join('\n')}\n</nav></footer>\n`
}
