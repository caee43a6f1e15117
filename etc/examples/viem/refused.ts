// Reasons to keep the secret.

/** Something is not as it was ordered or claimed. It will not get better: the secret stays here. */
export class Refused extends Error {
  override name = "Refused";
}

/** Nothing is wrong, but blocks are still missing: look again later. */
export class NotYet extends Error {
  override name = "NotYet";
}

/** Both are the same, else the secret stays here. Hex is compared without regard to case. */
export function same(what: string, found: unknown, expected: unknown): void {
  if (text(found) === text(expected)) return;
  throw new Refused(`${what}: found ${text(found)}, expected ${text(expected)}`);
}

export function holds(what: string, condition: boolean): asserts condition {
  if (!condition) throw new Refused(what);
}

const text = (value: unknown) => String(value).toLowerCase();
