/** Medians, of numbers and of objects that are made of numbers. */

/** The middle one; of an even count the upper of the two. NaN of none. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** An object like each of these, in which every number is the median of theirs; what is no number is that of the first. */
export function medianOf<T>(values: readonly [T, ...T[]]): T {
  return middle(values) as T;
}

function middle(values: readonly unknown[]): unknown {
  const known = values.filter((value) => value !== null && value !== undefined);
  const [first] = known;
  if (typeof first === 'number') return median(known.filter((value) => typeof value === 'number'));
  if (Array.isArray(first)) return first.map((_, index) => middle(known.map((value) => (Array.isArray(value) ? (value[index] as unknown) : null))));
  if (typeof first !== 'object' || first === undefined || first === null) return first ?? null;
  const names = new Set(known.flatMap((value) => Object.keys(value)));
  return Object.fromEntries([...names].map((name) => [name, middle(known.map((value) => (value as Readonly<Record<string, unknown>>)[name]))]));
}
