/** A value that may be there already, as from SQLite. */
export type Eventual<Value> = Value | Promise<Value>

/** What `next` makes of the value, without a promise if the value is there. */
export function after<Value, Result>(
  value: Eventual<Value>,
  next: (value: Value) => Eventual<Result>,
): Eventual<Result> {
  return value instanceof Promise ? value.then(next) : next(value)
}
