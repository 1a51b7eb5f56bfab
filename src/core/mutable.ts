// A value while it is being made: what nobody else has yet may still be written.

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
