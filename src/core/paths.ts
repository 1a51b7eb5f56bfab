// The parts of a path, and modes as text. Pure.

/** Empty for `/`. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Undefined where the path has no directory. */
export function directoryOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? undefined : path.slice(0, slash) || '/';
}

/** Without its dot, as ECS has it: `gz` of `a.tar.gz`; none of `.bashrc` and of `a.`. */
export function extensionOf(path: string): string | undefined {
  const name = baseName(path);
  const dot = name.lastIndexOf('.');
  return dot <= 0 || dot === name.length - 1 ? undefined : name.slice(dot + 1);
}

/**
 * A program's path as the kernel says it. One that is run from a mount which has no place any more, as runc runs itself, is said to be
 * the root directory, which nobody can run.
 */
export const programPath = (path: string | undefined): string | undefined => (path === '/' ? undefined : path);

/** Four octal digits: `0644`, `4755`. */
export const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');
