/** The order of blocks by age: ids have a running number, and `b10` is younger than `b9`. */
const collator = new Intl.Collator('en', { numeric: true });

/** Oldest first. */
export const byBlockId: (a: string, b: string) => number = collator.compare;
