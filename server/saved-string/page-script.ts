/**
 * Runs in the browser, sent as source: it must not use anything from outside itself. Keeps the
 * heading up to date, and lets the visitor change the string and undo that.
 */
export function followString() {
  const heading = document.querySelector('h1') as HTMLElement
  const connection = document.getElementById('connection') as HTMLElement
  const form = document.querySelector('form') as HTMLFormElement
  const output = form.querySelector('output') as HTMLOutputElement
  const text = form.elements.namedItem('string') as HTMLTextAreaElement
  const token = form.elements.namedItem('token') as HTMLInputElement | null
  const saved = document.getElementById('saved') as HTMLElement
  const time = saved.querySelector('time') as HTMLTimeElement
  const edit = form.querySelector('a') as HTMLAnchorElement
  const undo = form.elements.namedItem('undo') as HTMLButtonElement
  const opening = 'The saved string is '
  let shown = (heading.textContent as string).slice(opening.length)
  /** The string that this page replaced last, and the entity tag of the new one. */
  let replaced = { value: '', etag: '' }
  // An empty field means the empty string only if someone has emptied it.
  let typed = false
  let saving = false
  let heard = true
  /** Whether the next message says what the string is, rather than that it has changed. */
  let catchingUp = true
  let doubt: ReturnType<typeof setTimeout>

  if (time.dateTime !== '') showTime(new Date(time.dateTime))
  if (token) token.value = sessionStorage.getItem('token') ?? ''
  text.addEventListener('input', () => {
    typed = true
  })
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      if (!event.repeat) form.requestSubmit()
    }
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (typed || text.value !== '') act(save)
    else text.focus()
  })
  undo.addEventListener('click', () => act(takeBack))
  edit.addEventListener('click', (event) => {
    event.preventDefault()
    editPresent()
  })
  follow()

  async function act(change: () => Promise<void>) {
    if (saving || !hasToken()) return
    saving = true
    await change().catch(() => fail('No answer from the server. Check the string, then try again.'))
    saving = false
  }

  async function save() {
    const value = text.value
    const response = await put(value)
    if (!response.ok) return fail(`Not saved. ${await reasonOf(response)}`)
    setMessage('Saved.')
    // Someone may have gone on typing meanwhile.
    if (text.value !== value) return
    text.value = ''
    typed = false
  }

  /** Text that is not saved yet stays. */
  function editPresent() {
    text.focus()
    if (text.value !== '') return fail('The field has text that is not saved: clear it first.')
    text.value = shown
    typed = true
  }

  async function takeBack() {
    const response = await put(replaced.value, { 'If-Match': replaced.etag })
    if (response.ok) return setMessage('Undone.')
    if (response.status !== 412) return fail(`Not undone. ${await reasonOf(response)}`)
    text.focus()
    undo.hidden = true
    fail('Not undone. Someone else has changed the string since.')
  }

  async function put(value: string, condition = {}): Promise<Response> {
    const before = shown
    const response = await fetch('/', {
      method: 'PUT',
      headers: {
        'Content-Type': 'text/plain; charset=utf-8',
        ...(token ? { Authorization: `Bearer ${token.value.trim()}` } : {}),
        ...condition,
      },
      body: value,
      signal: AbortSignal.timeout(30_000),
    })
    if (response.status === 401) refuseToken()
    if (response.ok) accept(value, before, response.headers.get('etag') as string)
    return response
  }

  function accept(value: string, before: string, etag: string) {
    replaced = { value: before, etag }
    undo.hidden = false
    token?.removeAttribute('aria-invalid')
    if (token) sessionStorage.setItem('token', token.value.trim())
    render(value)
    showTime(new Date())
  }

  /** Browsers cannot send most other characters in a header. */
  function hasToken(): boolean {
    if (!token || /^[!-~]+$/.test(token.value.trim())) return true
    refuseToken()
    fail('Not saved. A token has only ASCII letters, digits and punctuation.')
    return false
  }

  function refuseToken() {
    token?.setAttribute('aria-invalid', 'true')
    token?.focus()
  }

  async function reasonOf(response: Response): Promise<string> {
    const { detail } = await response.json().catch(() => ({}))
    return `${detail ?? `The server answered ${response.status}`}.`
  }

  /** A restart takes a moment and is not reported. The server sends an event every 15 seconds. */
  function follow() {
    const events = new EventSource('/events')
    for (const type of ['open', 'message', 'heartbeat']) events.addEventListener(type, hear)
    events.addEventListener('open', () => {
      catchingUp = true
    })
    events.addEventListener('message', (event) => receive(JSON.parse(event.data)))
    events.addEventListener('error', () => {
      if (heard) doubtIn(3000)
      heard = false
      // An answer other than 200 closes the source for good, so reconnect here.
      if (events.readyState === EventSource.CLOSED) setTimeout(follow, 5000)
    })

    function hear() {
      heard = true
      connection.textContent = ''
      doubtIn(40_000)
    }

    function doubtIn(ms: number) {
      clearTimeout(doubt)
      doubt = setTimeout(lose, ms)
    }

    function lose() {
      connection.textContent = 'Connection lost: the string may have changed. Reconnecting.'
      if (events.readyState !== EventSource.OPEN) return
      events.close()
      follow()
    }
  }

  function receive(value: string) {
    if (!catchingUp) showTime(new Date())
    else if (value !== shown) saved.hidden = true
    catchingUp = false
    render(value)
  }

  function showTime(at: Date) {
    time.dateTime = at.toISOString()
    time.textContent = at.toLocaleString('en', { dateStyle: 'long', timeStyle: 'short' })
    saved.hidden = false
  }

  function render(value: string) {
    shown = value
    const content = opening + value
    if (heading.textContent !== content) heading.textContent = content
    heading.parentElement?.classList.toggle('long', value.length > 140)
    // Scrollable content must be reachable by keyboard.
    if (heading.scrollHeight > heading.clientHeight) heading.tabIndex = 0
    else heading.removeAttribute('tabindex')
  }

  function fail(message: string) {
    setMessage(message)
    output.className = 'error'
  }

  function setMessage(message: string) {
    output.className = ''
    output.textContent = message
  }
}
