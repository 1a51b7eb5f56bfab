// Which events a rule's logsource means. Pure, mostly data.

import { LOG_SERVICES } from '../logs/services.ts';
import type { Logsource } from './ast.ts';
import { FILE_STREAM_NAMES, type Stream } from './fields.ts';
import { didYouMean } from './problem.ts';

/** Categories and services of Sigma's taxonomy that a Linux host has, but that no source of ours feeds yet. */
const NOT_FED_CATEGORIES: Readonly<Record<string, string>> = {
  process_termination: 'process ends',
  process_access: 'process accesses',
  driver_load: 'module loads',
  webserver: 'web server logs',
  proxy: 'proxy logs',
  firewall: 'firewall logs',
  antivirus: 'antivirus logs',
};
const NOT_FED_SERVICES: Readonly<Record<string, string>> = { modsecurity: 'web server logs' };

/** Which events a rule is about: those of `stream`, and of `also`. */
export type Feed =
  | { readonly stream: Stream; readonly also?: Stream }
  | { readonly notFed: string; readonly help?: string };

export function feedOf({ category, product, service }: Logsource): Feed {
  if (product !== undefined && product !== 'linux')
    return { notFed: `events of product "${product}" don't occur here` };
  if (category === 'process_creation' && service === undefined) return { stream: 'exec' };
  if (category === 'network_connection' && service === undefined) return { stream: 'network' };
  if ((category === 'dns' || category === 'dns_query') && service === undefined) return { stream: 'dns' };
  const ofFiles = service === undefined ? FILE_STREAM_NAMES.find(name => name === category) : undefined;
  if (ofFiles !== undefined) return { stream: ofFiles };
  if (service === 'auditd' && category === undefined) return { stream: 'record' };
  if (service !== undefined && category === undefined && LOG_SERVICES.includes(service)) return { stream: 'log' };
  // The whole of Linux' logs: what was typed, and what was logged.
  if (category === undefined && service === undefined) return { stream: 'exec', also: 'log' };
  if (category !== undefined && Object.hasOwn(NOT_FED_CATEGORIES, category)) {
    return { notFed: `no source feeds ${NOT_FED_CATEGORIES[category]} yet` };
  }
  if (service !== undefined && Object.hasOwn(NOT_FED_SERVICES, service)) {
    return { notFed: `no source feeds ${NOT_FED_SERVICES[service]} yet` };
  }
  const [what, name, known]: [string, string, string[]] =
    category !== undefined
      ? [
          'category',
          category,
          [
            'process_creation',
            'network_connection',
            'dns',
            'dns_query',
            ...FILE_STREAM_NAMES,
            ...Object.keys(NOT_FED_CATEGORIES),
          ],
        ]
      : ['service', service!, ['auditd', ...LOG_SERVICES, ...Object.keys(NOT_FED_SERVICES)]];
  const help = didYouMean(name, known);
  return { notFed: `nothing feeds ${what} "${name}"`, ...(help === undefined ? {} : { help }) };
}

export function streamsOf(rule: Logsource): readonly Stream[] {
  const feed = feedOf(rule);
  if ('notFed' in feed) return [];
  return feed.also === undefined ? [feed.stream] : [feed.stream, feed.also];
}

/** Whether a rule of `rule` is asked about events of `event`: each part that the rule names must be the same. */
export const appliesTo = (rule: Logsource, event: Logsource): boolean =>
  (rule.category === undefined || rule.category === event.category) &&
  (rule.product === undefined || event.product === undefined || rule.product === event.product) &&
  (rule.service === undefined || rule.service === event.service);
