/**
 * Runs in the browser, sent as its own source: it must not use anything from outside itself.
 * Keeps the heading as the server has it, and lets the visitor change it.
 */
export function followString() {
  const heading = document.querySelector('h1') as HTMLElement
  const form = document.querySelector('form') as HTMLFormElement
  const status = form.querySelector('output') as HTMLOutputElement
  const text = form.elements.namedItem('string') as HTMLTextAreaElement
  const token = form.elements.namedItem('token') as HTMLInputElement | null

  form.hidden = false
  if (token) token.value = sessionStorage.getItem('token') ?? ''
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    save().catch(() => say('The server cannot be reached: try again.'))
  })
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      form.requestSubmit()
    }
  })
  follow()

  function follow() {
    const events = new EventSource('/events')
    events.addEventListener('message', (event) => show(JSON.parse(event.data)))
    // An answer other than 200 closes the source for good, so come back by hand.
    events.addEventListener('error', () => {
      if (events.readyState === EventSource.CLOSED) setTimeout(follow, 5000)
    })
  }

  function show(value: string) {
    const content = `The saved string is ${value}`
    if (heading.textContent !== content) heading.textContent = content
    heading.parentElement?.classList.toggle('long', value.length > 140)
  }

  async function save() {
    const value = text.value
    const headers: Record<string, string> = { 'Content-Type': 'text/plain; charset=utf-8' }
    if (token) headers.Authorization = `Bearer ${token.value}`
    const response = await fetch('/', { method: 'PUT', headers, body: value })
    if (!response.ok) return say((await response.json()).detail)
    if (token) sessionStorage.setItem('token', token.value)
    text.value = ''
    show(value)
    say('Saved.')
  }

  function say(message: string) {
    status.textContent = message
  }
}
