import { describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { hostConfigFiles } from '../../src/fsnotify/web/files.ts';
import type { ConfigFiles } from '../../src/fsnotify/web/reader.ts';
import { expandPatterns, webRoots } from '../../src/fsnotify/web/roots.ts';
import { Root } from './packages/root.ts';

/** A host with these files; a directory is a name with a slash at its end. */
function host(files: Readonly<Record<string, string>>): ConfigFiles {
  const paths = Object.keys(files);
  return {
    read: path => (path.endsWith('/') ? undefined : files[path]),
    list: path => {
      const prefix = path === '/' ? '/' : `${path}/`;
      const beneath = paths.filter(one => one.startsWith(prefix));
      if (beneath.length === 0) return undefined;
      return [...new Set(beneath.map(one => one.slice(prefix.length).split('/')[0]!))].filter(name => name !== '');
    },
  };
}

const roots = (files: Readonly<Record<string, string>>): readonly string[] => webRoots(host(files)).roots;

describe('Apache', () => {
  test("Debian's: environment, includes by wildcard and of a directory, aliases, quotes", () => {
    const found = webRoots(
      host({
        '/etc/apache2/envvars': [
          `if [ "\${APACHE_CONFDIR##/etc/apache2-}" != "x" ]; then`,
          `  SUFFIX="-\${APACHE_CONFDIR##/etc/apache2-}"`,
          'else',
          '  SUFFIX=',
          'fi',
          'export SITES=/srv/sites$SUFFIX',
          'export NOW=`date`',
        ].join('\n'),
        '/etc/apache2/apache2.conf':
          `DefaultRuntimeDir x\nDefine SHOP \${SITES}/shop\nInclude ports.conf\nIncludeOptional sites-enabled/*.conf\nInclude more\n` +
          `DocumentRoot \${NOWHERE}/x\nInclude /etc/apache2/apache2.conf\n`,
        '/etc/apache2/sites-enabled/000.conf':
          '<VirtualHost *:80>\n  documentroot "/data/my site"\n  Alias /icons/ \\\n    "/usr/share/apache2/icons/"\n' +
          '  ScriptAlias /cgi /usr/lib/cgi-bin/\n #DocumentRoot /no\n<Location /x>\n Alias /one/arg\n</Location>\n</VirtualHost>',
        '/etc/apache2/sites-enabled/shop.conf': `DocumentRoot \${SHOP}/../web/\nVirtualDocumentRoot /vhosts/%0/%2.1+/www`,
        '/etc/apache2/sites-enabled/.hidden.conf': 'DocumentRoot /hidden',
        '/etc/apache2/sites-enabled/off.disabled': 'DocumentRoot /off',
        '/etc/apache2/more/a':
          'AliasMatch ^/~([a-z]*)(.*) /people/$1$2\nUserDir public_html /u/*/w http://x/\nUserDir disabled root',
      }),
    );
    expect([...found.roots].sort()).toEqual([
      '/data/my site',
      '/home/*/public_html',
      '/one/arg',
      '/people/*',
      '/srv/sites/web',
      '/u/*/w',
      '/usr/lib/cgi-bin',
      '/usr/share/apache2/icons',
      '/vhosts/*/*/www',
    ]);
    expect(found.notes).toEqual([expect.stringContaining('DocumentRoot'.toLowerCase())]);
  });

  test("RHEL's: a server root of its own", () => {
    expect(
      roots({
        '/etc/httpd/conf/httpd.conf': 'ServerRoot "/etc/httpd"\nInclude conf.d/*.conf\nDocumentRoot "/var/www/html"',
        '/etc/httpd/conf.d/x.conf': 'ServerRoot /opt/rh\r\nDocumentRoot htdocs\r\n',
      }),
    ).toEqual(['/opt/rh/htdocs', '/var/www/html']);
  });
});

test('nginx: includes, relative roots, variables, quotes, comments, Lua', () => {
  const found = webRoots(
    host({
      '/etc/nginx/nginx.conf': 'http { include mime.types; include sites/*; root html; # root /no;\n}',
      '/etc/nginx/mime.types': 'types { text/html html; }',
      '/etc/nginx/sites/a':
        `server { root "/srv/a b"; location /i/ { alias /srv/\${host}/img/; } location ~ ^/(.+)$ { alias /u/$1; }\n` +
        "if ($x = '}') { root /srv/if\\;x; } set $root /set; try_files $uri =404; }",
      '/etc/nginx/sites/b':
        'server { content_by_lua_block { local t = { "a" }; root = "x"; root /lua; } root $document_root; root /srv/after; }',
    }),
  );
  expect([...found.roots].sort()).toEqual([
    '/srv/*/img',
    '/srv/a b',
    '/srv/after',
    '/srv/if;x',
    '/u/*',
    '/usr/share/nginx/html',
  ]);
  expect(found.notes).toEqual([expect.stringContaining('$document_root')]);
});

test('Caddy: matchers, imports, placeholders, the environment', () => {
  const found = webRoots(
    host({
      '/etc/caddy/Caddyfile':
        '(common) {\n  root * /srv/common\n}\nexample.com {\n  import common\n  import sites/*.caddy\n  import Caddyfile\n' +
        '  root /x/* "/srv/a b" # here\n  php_fastcgi unix//run/php.sock {\n    root /srv/php\n  }\n  root {$SITE:/srv/default}\n' +
        '  root relative\n}\n',
      '/etc/caddy/sites/one.caddy': '*.example.com {\n root * /srv/{labels.2}/www\n}',
    }),
  );
  expect([...found.roots].sort()).toEqual(['/srv/*/www', '/srv/a b', '/srv/common', '/srv/default', '/srv/php']);
  expect(found.notes).toEqual([expect.stringContaining('relative')]);
});

test('php-fpm: chroot before chdir, by pool', () => {
  expect(
    roots({
      '/etc/php/8.2/fpm/php-fpm.conf': '[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf',
      '/etc/php/8.2/fpm/pool.d/www.conf':
        '[www]\nchdir = /\n[shop]\n;chroot = /no\nchroot = /srv/$pool ; x\nchdir = /in\n[app]\nchdir = "/app"',
    }),
  ).toEqual(['/srv/shop', '/app']);
});

test('where no server says anything, the usual places that are there', () => {
  expect(roots({ '/var/www/html/': '', '/srv/ftp/': '' })).toEqual(['/var/www']);
});

test("a directory of the system isn't taken for a site", () => {
  const conf = ['/', '/etc/', '/usr/../home', '/proc/1', '/*', '/srv'].map(root => `root ${root};`).join('');
  const { roots: found, notes } = webRoots(host({ '/etc/nginx/nginx.conf': `${conf}root /$host/x;` }));
  expect(found).toEqual(['/srv']);
  expect(notes).toHaveLength(6);
});

describe('bounds', () => {
  test('includes that lead to themselves, and more of them than are read', () => {
    const deep = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`/etc/nginx/${i}`, `include ${i + 1}; include ${i}; root /srv/${i};`]),
    );
    const { roots: found, notes } = webRoots(host({ ...deep, '/etc/nginx/nginx.conf': 'include 0; include *;' }));
    expect(found).toContain('/srv/0');
    expect(notes[0]).toContain('more files, or deeper');
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`/etc/nginx/s/${i}`, `root /srv/${i};`]));
    const wide = webRoots(host({ ...many, '/etc/nginx/nginx.conf': 'include s/*;' }));
    expect(wide.roots).toHaveLength(256);
    expect(wide.notes.length).toBeLessThanOrEqual(32);
    const names = Object.fromEntries(
      Array.from({ length: 9_000 }, (_, i) => [`/d/${'a'.repeat(200)}${i}`, 'root /x;']),
    );
    const slow = webRoots(
      host({ ...names, '/etc/nginx/nginx.conf': `include /d/${'*a'.repeat(2_000)}b; include /d/*;` }),
    );
    expect(slow.notes[0]).toContain('more than the agent looks for');
  });

  test('no text makes a reader fail, and every root is absolute', () => {
    const piece = fc.constantFrom(
      ...[
        'root',
        'alias',
        'include',
        'Include',
        'DocumentRoot',
        'import',
        'chroot=',
        'Define',
        '/srv/x',
        '..',
        '*',
        '"',
        "'",
        '`',
      ],
      ...['{', '}', ';', '\n', ' ', '\\', '#', '${', '$', '%', '[', ']', '\0', 'a'],
    );
    const text = fc.array(piece, { maxLength: 40 }).map(parts => parts.join(''));
    fc.assert(
      fc.property(text, content => {
        const { roots: found } = webRoots(
          host({
            '/etc/nginx/nginx.conf': content,
            '/etc/apache2/apache2.conf': content,
            '/etc/apache2/envvars': content,
            '/etc/caddy/Caddyfile': content,
            '/etc/php-fpm.conf': content,
          }),
        );
        for (const root of found) expect(root).toStartWith('/');
      }),
      { numRuns: 2_000 },
    );
  });
});

test('%web% in patterns', () => {
  expect(expandPatterns(['/etc/**', '%web%', '%web%/**/*.php', '/x%web%'], ['/var/www', '/srv/a'])).toEqual([
    '/etc/**',
    '/var/www/**',
    '/srv/a/**',
    '/var/www/**/*.php',
    '/srv/a/**/*.php',
    '/x%web%',
  ]);
  expect(expandPatterns(['%web%', '/etc'], [])).toEqual(['/etc']);
});

test("this host's files: links are followed, what is no file isn't waited for", () => {
  using root = new Root();
  const path = `${root.path}/sites/a`;
  mkdirSync(dirname(path));
  writeFileSync(`${root.path}/real`, 'root /srv/\\x66;');
  symlinkSync(`${root.path}/real`, path);
  Bun.spawnSync(['mkfifo', `${root.path}/sites/fifo`]);
  writeFileSync(`${root.path}/sites/large`, Buffer.alloc(2 * 1024 * 1024));
  expect(hostConfigFiles.list(`${root.path}/sites`)?.toSorted()).toEqual(['a', 'fifo', 'large']);
  expect(['a', 'fifo', 'large', 'none'].map(name => hostConfigFiles.read(`${root.path}/sites/${name}`))).toEqual([
    'root /srv/\\x5cx66;',
    undefined,
    undefined,
    undefined,
  ]);
  expect(hostConfigFiles.list(`${root.path}/none`)).toBeUndefined();
});
