// Small pieces of how audit records write values.

/** The value of a hex digit, or -1. */
export function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  if (c >= 0x41 && c <= 0x46) return c - 0x37;
  if (c >= 0x61 && c <= 0x66) return c - 0x57;
  return -1;
}

/** A value, or undefined for what the kernel and user space write where they know none. */
export function present(value: string): string | undefined {
  switch (value) {
    case '':
    case '(null)':
    case '(none)':
    case '?':
    case '"?"':
    case '<too_long>':
      return undefined;
    default:
      return value;
  }
}
