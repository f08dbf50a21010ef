// Made-up movies of the same shape and size as those of AWS's sample data.

const years = { first: 1900, count: 125 }
const plot =
  'A stranger comes to a small town by the sea, where nobody has asked a question in years, and ' +
  'finds that everyone already knows the answer; what happens next changes all but one of them.'

interface Movie {
  year: number
  title: string
  info: string
}

/** The movie at an index of a table of `count`, ordered by year and title. */
export function movieAt(index: number, count: number): Movie {
  const year = years.first + Math.floor((index * years.count) / count)
  const number = String(index).padStart(8, '0')
  return { year, title: `The Story of ${number}`, info: infoOf(year, index) }
}

/** The index for a step: visits every index of a table of `count`, a power of ten, once, in mixed order. */
export function shuffled(step: number, count: number): number {
  return (step * 61_803_399) % count
}

export function randomPoint(count: number): string {
  const { year, title } = movieAt(Math.floor(Math.random() * count), count)
  return `/movies?year=${year}&title=${encodeURIComponent(title)}`
}

function infoOf(year: number, index: number): string {
  return JSON.stringify({
    directors: [`Director ${index % 4999}`],
    release_date: `${year}-06-01T00:00:00Z`,
    rating: (index % 91) / 10 + 0.9,
    genres: ['Drama', 'Mystery', 'Romance'],
    image_url: `http://images.example.com/posters/${index}_V1_SX400.jpg`,
    plot,
    rank: index + 1,
    running_time_secs: 5400 + (index % 60) * 60,
    actors: [`Actor ${index % 9973}`, `Actor ${index % 7919}`, `Actor ${index % 6007}`],
  })
}
