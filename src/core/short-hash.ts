// Many values told apart, however long they are.

/** 132 bits of SHA-256. The value is plain JSON. */
export const shortHash = (value: unknown): string =>
  Bun.CryptoHasher.hash('sha256', JSON.stringify(value), 'base64').slice(0, 22);
