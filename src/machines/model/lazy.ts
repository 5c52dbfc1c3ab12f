/** What is made when it is first asked for: schemas, which take longer to make than most programs take to check with them. */
export function lazy<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
