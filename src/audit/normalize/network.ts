// connect, accept, bind and listen, and the ways around connect: TCP Fast Open and io_uring. Local and other non-IP sockets give no
// network event.

import type { Outcome } from '../../core/event.ts';
import type { NetworkObservation } from '../../core/observation.ts';
import type { AuditEvent } from '../event.ts';
import { KEY } from '../keys.ts';
import { decodeSockaddr, SOCKADDR_MAX_BYTES, type Sockaddr } from '../sockaddr.ts';
import { socketcallName } from '../tables/sockets.ts';
import type { Draft, Facts } from './facts.ts';

const SOCKADDR = 1306;
const SOCKETCALL = 1304;

const MSG_FASTOPEN = 0x20000000;

/** The calls with MSG_FASTOPEN, and which argument its flags are. */
const FLAGS_ARGUMENT = { sendto: 'a3', sendmsg: 'a2', sendmmsg: 'a3' } as const;

/** Errors after which the connection goes on being made: EINTR, EALREADY, EINPROGRESS, ERESTARTSYS. */
const GOES_ON = new Set([4, 114, 115, 512]);

const addressBytes = Buffer.alloc(SOCKADDR_MAX_BYTES);

/** The address in the event's SOCKADDR record. */
function eventAddress(event: AuditEvent): Sockaddr | undefined {
  const record = event.find(SOCKADDR);
  if (record === undefined) return undefined;
  const field = event.fieldAt(record, KEY.saddr);
  if (field < 0) return undefined;
  const length = event.hexInto(field, addressBytes);
  return length < 0 ? undefined : decodeSockaddr(addressBytes, length);
}

/** An observation for syscall `name`, or undefined where it is none of the network. */
export function network(facts: Facts, name: string): NetworkObservation | undefined {
  switch (name) {
    case 'connect':
      return connect(facts, undefined);
    case 'sendto':
    case 'sendmsg':
    case 'sendmmsg': {
      const flags = argument(facts, FLAGS_ARGUMENT[name]);
      return flags !== undefined && flags & MSG_FASTOPEN ? connect(facts, name) : undefined;
    }
    case 'accept':
    case 'accept4':
      return facts.success() === true ? end(facts, 'accept', 'source') : undefined;
    case 'bind':
      return end(facts, 'bind', 'destination');
    case 'listen':
      return make(facts, 'listen', outcomeOf(facts));
    case 'socketcall': {
      const call = facts.hex32('a0');
      const behind = call === undefined ? undefined : socketcallName(call);
      return behind === undefined ? undefined : network(facts, behind);
    }
    default:
      return undefined;
  }
}

/** URINGOP: the operation's result isn't the connection's, and the record names neither comm nor exe. */
export function ioUring(facts: Facts, operation: string): NetworkObservation | undefined {
  const address = eventAddress(facts.event);
  let observation: Draft<NetworkObservation> | undefined;
  if (operation === 'connect' && isIp(address)) {
    observation = make(facts, 'connect', 'unknown');
    setAddress(observation, 'destination', address);
  } else if (operation === 'accept' && (address === undefined || isIp(address))) {
    observation = make(facts, 'accept', 'unknown');
    if (isIp(address)) setAddress(observation, 'source', address);
  } else if (operation === 'bind' && isIp(address)) {
    observation = make(facts, 'bind', 'unknown');
    setAddress(observation, 'destination', address);
  } else if (operation === 'listen') {
    observation = make(facts, 'listen', 'unknown');
  }
  if (observation !== undefined) observation.via = 'io_uring';
  return observation;
}

type IpAddress = Extract<Sockaddr, { family: 'inet' | 'inet6' }>;

function isIp(address: Sockaddr | undefined): address is IpAddress {
  return address !== undefined && (address.family === 'inet' || address.family === 'inet6');
}

/** An argument of the call itself: socketcall's are in a record of their own. */
function argument(facts: Facts, key: 'a2' | 'a3'): number | undefined {
  const { event } = facts;
  const record = event.find(SOCKETCALL);
  if (record === undefined) return facts.hex32(key);
  const field = event.fieldAt(record, KEY[key]);
  return field < 0 ? undefined : event.hex32(field);
}

function outcomeOf(facts: Facts): Outcome {
  const success = facts.success();
  return success === undefined ? 'unknown' : success ? 'success' : 'failure';
}

function connect(facts: Facts, via: string | undefined): NetworkObservation | undefined {
  const address = eventAddress(facts.event);
  if (address === undefined) {
    // The kernel shows no address for a call that it refuses before looking at one; in one that went on the record was lost.
    if (via !== undefined || outcomeOf(facts) === 'failure') return undefined;
  } else if (!isIp(address)) {
    return undefined;
  }
  const errno = facts.errno();
  const observation = make(facts, 'connect', errno !== undefined && GOES_ON.has(errno) ? 'unknown' : outcomeOf(facts));
  if (address !== undefined) setAddress(observation, 'destination', address);
  if (via !== undefined) {
    observation.via = via;
    observation.transport = 'tcp';
  }
  return observation;
}

function end(facts: Facts, kind: 'accept' | 'bind', side: 'source' | 'destination'): NetworkObservation | undefined {
  const address = eventAddress(facts.event);
  // accept with no room for the peer's address gives no record of it.
  if (address === undefined ? kind === 'bind' : !isIp(address)) return undefined;
  const observation = make(facts, kind, outcomeOf(facts));
  if (isIp(address)) setAddress(observation, side, address);
  return observation;
}

function make(facts: Facts, kind: NetworkObservation['kind'], outcome: Outcome): Draft<NetworkObservation> {
  const task = facts.task();
  const observation: Draft<NetworkObservation> = { kind, ...facts.base() };
  facts.setOutcome(observation, outcome);
  if (task !== undefined) observation.task = task;
  return observation;
}

function setAddress(observation: Draft<NetworkObservation>, side: 'source' | 'destination', address: IpAddress): void {
  observation.family = address.family === 'inet' ? 'ipv4' : 'ipv6';
  const { ip, port } = address;
  if (ip === undefined && port === undefined) return;
  observation[side] = ip === undefined ? { port: port! } : port === undefined ? { ip } : { ip, port };
}
