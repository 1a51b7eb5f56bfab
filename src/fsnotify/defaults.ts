// What is watched where the configuration doesn't say. Data.

export const DEFAULT_PATHS: readonly string[] = [
  '/etc/**',
  '/usr/bin/**',
  '/usr/sbin/**',
  '/usr/local/**',
  '/root/**',
  '/tmp/**',
];

export const DEFAULT_EXCLUDES: readonly string[] = [];
