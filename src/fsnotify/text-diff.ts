// What changed in a small text, as `diff -u` shows it. Pure.

import { createTwoFilesPatch, OMIT_HEADERS } from 'diff';
import { WatchSet } from './watch-set.ts';

/** Larger files are not text that somebody configures. */
export const TEXT_MAX_BYTES = 64 * 1024;
/** Lines that are added and removed, all in all: an attacker chooses both texts, and the search grows with them. */
const EDITS_MAX = 400;
const CONTEXT_LINES = 1;

/** Never kept and never shown, wherever they lie. */
const SECRETS: readonly string[] = [
  ...['/etc/shadow*', '/etc/gshadow*', '/etc/security/opasswd*', '/etc/ssl/private/**', '/etc/pki/**/private/**'],
  ...['/etc/wireguard/**', '/etc/openvpn/**', '/etc/krb5.keytab', '/etc/ipsec.secrets', '/etc/ipsec.d/private/**'],
  ...['/etc/NetworkManager/system-connections/**', '/etc/wpa_supplicant/**', '/etc/ppp/*-secrets', '/etc/netplan/**'],
  ...['/etc/kubernetes/**', '/etc/rancher/**', '/etc/docker/key.json', '/etc/letsencrypt/**', '/etc/machine-id'],
  ...['/etc/mysql/debian.cnf', '/etc/exim4/passwd.client', '/etc/postfix/sasl_passwd*', '/etc/dovecot/private/**'],
  ...['/etc/ssh/ssh_host_*_key', '/**/.ssh/id_*', '/**/.gnupg/**', '/**/.aws/**', '/**/.azure/**', '/**/.kube/**'],
  ...['/**/.docker/config.json', '/**/.netrc', '/**/.pgpass', '/**/.my.cnf', '/**/.git-credentials', '/**/.npmrc'],
  ...['/**/.pypirc', '/**/.vault-token', '/**/.config/gcloud/**', '/**/.password-store/**', '/**/.*_history'],
  ...['/**/*.key', '/**/*.pem', '/**/*.p12', '/**/*.pfx', '/**/*.jks', '/**/*.kdbx', '/**/*.keytab', '/**/.env'],
  ...['/**/.env.*', '/**/*secret*', '/**/*passw*d.txt', '/**/*credential*', '/**/wp-config.php', '/**/.htpasswd'],
];
const secrets = new WatchSet(SECRETS);

/** Whether what a file says may hold what nobody should read. */
export const isSecret = (path: string): boolean => secrets.covers(path);

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Undefined where the bytes aren't a text. */
export function textOf(content: Uint8Array): string | undefined {
  if (content.length > TEXT_MAX_BYTES || content.includes(0)) return undefined;
  try {
    return decoder.decode(content);
  } catch {
    return undefined;
  }
}

/** Hunks with a line of context, without a header; undefined where nothing differs, or too much to be worth showing. */
export function unifiedDiff(before: string, after: string): string | undefined {
  if (before === after) return undefined;
  const patch = createTwoFilesPatch('', '', before, after, undefined, undefined, {
    context: CONTEXT_LINES,
    maxEditLength: EDITS_MAX,
    headerOptions: OMIT_HEADERS,
  });
  return patch;
}
