import { fieldError, HttpError } from '../http/http-error.ts'

/** Month and day on which people born on 29 February have their birthday in common years. */
const leapDayInCommonYears = [3, 1] as const

/** The greeting for today; `dateOfBirth` is before `today`. */
export function greeting(
  username: string,
  dateOfBirth: Temporal.PlainDate,
  today: Temporal.PlainDate,
): string {
  const days = daysToBirthday(dateOfBirth, today)
  if (days === 0) return `Hello, ${username}! Happy Birthday!`
  return `Hello, ${username}! Your birthday is in ${days} day(s)`
}

/** 0 on the day itself. */
export function daysToBirthday(dateOfBirth: Temporal.PlainDate, today: Temporal.PlainDate): number {
  const { year, dayOfYear } = today
  const days = birthdayIn(year, dateOfBirth).dayOfYear - dayOfYear
  if (days >= 0) return days
  return birthdayIn(year + 1, dateOfBirth).dayOfYear + today.daysInYear - dayOfYear
}

function birthdayIn(year: number, { month, day }: Temporal.PlainDate): Temporal.PlainDate {
  const isLeapDay = month === 2 && day === 29
  if (isLeapDay && !new Temporal.PlainDate(year, 1, 1).inLeapYear) {
    return new Temporal.PlainDate(year, ...leapDayInCommonYears)
  }
  return new Temporal.PlainDate(year, month, day)
}

/** @throws {HttpError} 400 unless it is 1 to 64 letters */
export function parseUsername(text: string): string {
  const username = text.normalize('NFC')
  if (/^\p{L}{1,64}$/u.test(username)) return username
  throw new HttpError(400, 'A username is 1 to 64 letters: no digits, spaces or punctuation')
}

/** @throws {HttpError} 400 unless it is a calendar date before `today` */
export function parseDateOfBirth(text: string, today: Temporal.PlainDate): Temporal.PlainDate {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    throw fieldError('dateOfBirth', 'must have the format YYYY-MM-DD, such as 1990-04-23')
  }
  const date = calendarDate(text)
  if (Temporal.PlainDate.compare(date, today) >= 0) {
    throw fieldError('dateOfBirth', `must be before today, ${today}`)
  }
  return date
}

function calendarDate(text: string): Temporal.PlainDate {
  try {
    if (!text.startsWith('0000')) return Temporal.PlainDate.from(text, { overflow: 'reject' })
  } catch {
    // Falls through to the same error as the year 0, which no calendar has.
  }
  throw fieldError('dateOfBirth', `${text} is not a calendar date`)
}
