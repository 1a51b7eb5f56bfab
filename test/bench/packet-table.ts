// The results of the part `packets` as text. Pure.

import type { PacketLoadSample, PacketResults } from './packet-load.ts';
import { aligned, type Cells, digits } from './table.ts';

const HEAD: Cells = [
  'load, reader',
  'a second',
  'CPU %',
  '× tcpdump -w',
  'RSS MiB',
  'peak',
  'packets',
  'dropped',
  'exec told after ms: median',
  '99 %',
  'longest',
];

export function packetLines({ decoders, samples }: PacketResults): string[] {
  const alone = Object.entries(decoders).map(([what, value]) => {
    const rate = what.endsWith('Us') ? `${digits(1e6 / value)}/s` : '';
    return [`  ${what}`, digits(value), rate];
  });
  const loads = [...Map.groupBy(samples, sample => sample.load)];
  return [
    ...aligned([['decoders alone, one core', 'µs or bytes', 'rate'], ...alone]),
    '',
    ...aligned([HEAD, ...loads.flatMap(([load, group]) => [[load], ...group.map(sample => cells(sample, group))])]),
  ];
}

function cells(sample: PacketLoadSample, group: readonly PacketLoadSample[]): Cells {
  const percent = (one: PacketLoadSample) => (one.cpuSeconds / one.elapsedSeconds) * 100;
  const tcpdump = group.find(({ reader }) => reader === 'tcpdump -w');
  const delays = [...(sample.execDelaysMs ?? [])].sort((a, b) => a - b);
  const known = (value: number | undefined): string => (value === undefined ? '–' : digits(value));
  return [
    `  ${sample.reader}`,
    digits(sample.count / sample.elapsedSeconds),
    digits(percent(sample)),
    tcpdump === undefined ? '–' : `${digits(percent(sample) / percent(tcpdump))}×`,
    digits(sample.rssBeforeMib),
    digits(sample.peakRssMib),
    sample.packets === undefined ? '–' : String(sample.packets),
    sample.dropped === undefined ? '–' : String(sample.dropped),
    known(delays[delays.length >> 1]),
    known(delays[Math.floor((delays.length - 1) * 0.99)]),
    known(delays.at(-1)),
  ];
}
