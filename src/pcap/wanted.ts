// Which connections the user wants told, by address and port. The kernel's filter keeps out what it can (filter.ts); what it can't, and
// what audit tells without a packet, is decided here in the same way. Pure.

import { addressBytes } from '../core/address.ts';
import { NetworkSet, parseNetwork } from '../core/cidr.ts';
import type { FlowEnd } from './ends.ts';

export interface ConnectionFilters {
  /** False: nothing from a private address to another. */
  readonly lan: boolean;
  /** False: no datagrams but DNS. */
  readonly udp: boolean;
  /** Networks (`10.0.0.0/8`) and addresses; empty: all. One end is enough, here and below. */
  readonly addresses: readonly string[];
  readonly excludeAddresses: readonly string[];
  readonly ports: readonly number[];
  readonly excludePorts: readonly number[];
  /** Where the agent itself sends events to. */
  readonly own: readonly Required<FlowEnd>[];
}

/**
 * Private and local addresses, and those for many. Link-local IPv4 isn't among them: a cloud's metadata, which attackers ask for,
 * are at such an address.
 */
export const LAN: readonly string[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '224.0.0.0/3'],
  ...['::/127', 'fc00::/7', 'fe80::/10', 'ff00::/8'],
];

export class Wanted {
  readonly #filters: ConnectionFilters;
  readonly #lan = networks(LAN);
  readonly #addresses: NetworkSet;
  readonly #excludeAddresses: NetworkSet;
  readonly #ports: ReadonlySet<number>;
  readonly #excludePorts: ReadonlySet<number>;
  readonly #own: ReadonlySet<string>;
  /** Nothing is left out: asking costs nothing. */
  readonly isAll: boolean;

  constructor(filters: ConnectionFilters) {
    this.#filters = filters;
    this.#addresses = networks(filters.addresses);
    this.#excludeAddresses = networks(filters.excludeAddresses);
    this.#ports = new Set(filters.ports);
    this.#excludePorts = new Set(filters.excludePorts);
    this.#own = new Set(filters.own.map(nameOf));
    const { lan, udp, addresses, excludeAddresses, ports, excludePorts, own } = filters;
    const lists = [addresses, excludeAddresses, ports, excludePorts, own];
    this.isAll = lan && udp && lists.every(list => list.length === 0);
  }

  /** An end that isn't known decides nothing: to a private address, it counts as private too. */
  wants(source: Partial<FlowEnd>, destination: Partial<FlowEnd>, transport: string | undefined): boolean {
    if (this.isAll) return true;
    const ends = [source, destination];
    if (transport === 'udp' && !this.#filters.udp) return false;
    const ports = ends.flatMap(({ port }) => port ?? []);
    if (ports.some(port => this.#excludePorts.has(port))) return false;
    if (this.#ports.size > 0 && !ports.some(port => this.#ports.has(port))) return false;
    if (this.#own.size > 0 && ends.some(end => this.#own.has(nameOf(end)))) return false;
    const addresses = ends.flatMap(({ ip }) => (ip === undefined ? [] : (addressBytes(ip) ?? [])));
    const one = (set: NetworkSet): boolean => addresses.some(address => set.has(address));
    if (!this.#filters.lan && addresses.length > 0 && addresses.every(address => this.#lan.has(address))) return false;
    if (one(this.#excludeAddresses)) return false;
    return this.#addresses.isEmpty || one(this.#addresses);
  }
}

const nameOf = ({ ip, port }: Partial<FlowEnd>): string => `${ip} ${port}`;

const networks = (texts: readonly string[]): NetworkSet =>
  new NetworkSet(texts.flatMap(text => parseNetwork(text) ?? []));
