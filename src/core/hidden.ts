// Characters that don't show as what they are.

/**
 * What can move a cursor, hide text or break a line where it is shown, though it is no control character of ASCII's first 32: DEL and
 * C1 controls, soft hyphen, bidi marks and overrides, line separators, invisible formatting characters and tags. Global.
 */
export const HIDDEN =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** Each UTF-16 unit as `\uXXXX`, which JSON and YAML's double quotes know. */
export function escapeUnits(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return out;
}
