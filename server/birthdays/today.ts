/** Makes the function that returns today's date in a time zone, which it works out once a day. */
export function createToday(timeZone: string, now = Date.now): () => Temporal.PlainDate {
  let today = dayAt(now())

  return () => {
    const time = now()
    // A clock may also be set back.
    if (time < today.startsAt || time >= today.endsAt) today = dayAt(time)
    return today.date
  }

  function dayAt(time: number) {
    const zoned = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(timeZone)
    const start = zoned.startOfDay()
    return {
      date: zoned.toPlainDate(),
      startsAt: start.epochMilliseconds,
      endsAt: start.add({ days: 1 }).epochMilliseconds,
    }
  }
}
