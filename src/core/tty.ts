// The names of terminals. Knows nothing of where their numbers come from.

/** The terminal's name as audit writes it, of a tty_nr; absent for none and for drivers that aren't known here. */
export function ttyName(number: number): string | undefined {
  if (number === 0) return undefined;
  const major = (number >>> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >>> 12) & 0xfff00);
  // Documentation/admin-guide/devices.txt
  if (major >= 136 && major <= 143) return `pts${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  if (major === 5 && minor === 1) return 'console';
  if (major === 166) return `ttyACM${minor}`;
  if (major === 188) return `ttyUSB${minor}`;
  if (major === 204 && minor >= 64 && minor < 80) return `ttyAMA${minor - 64}`;
  if (major === 229) return `hvc${minor}`;
  return undefined;
}
