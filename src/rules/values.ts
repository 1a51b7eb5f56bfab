// The values of one field of one event, in a buffer that is used again for the next. Pure.

const KEPT_MAX = 64;

export class Values {
  /** Only the first `count` are of this event. */
  readonly items: string[] = [];
  count = 0;
  /** The field is there with the value null. */
  hasNull = false;

  get isPresent(): boolean {
    return this.count > 0 || this.hasNull;
  }

  clear(): void {
    // One event with 70,000 arguments must not be held on to for ever.
    if (this.items.length > KEPT_MAX) this.items.length = KEPT_MAX;
    this.count = 0;
    this.hasNull = false;
  }

  /** Adds a known value; an absent one adds nothing. */
  add(text: string | undefined): void {
    if (text !== undefined) this.items[this.count++] = text;
  }

  addNumber(number: number | undefined): void {
    if (number !== undefined) this.items[this.count++] = String(number);
  }

  addAll(texts: readonly string[] | undefined): void {
    if (texts !== undefined) for (const text of texts) this.items[this.count++] = text;
  }

  /** A value of a test's event: JSON. Lists are several values. */
  addJson(value: unknown): void {
    if (value === null) this.hasNull = true;
    else if (Array.isArray(value)) for (const item of value) this.addJson(item);
    else if (typeof value === 'object') this.add(JSON.stringify(value));
    else if (value !== undefined) this.add(String(value));
  }
}
