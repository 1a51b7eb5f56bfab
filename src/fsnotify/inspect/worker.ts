// The inspector's worker: looks at files, batch by batch (edge: files). It may get stuck in a file system; nobody waits for it then.

import { parentPort } from 'node:worker_threads';
import { Examiner } from './examine.ts';
import { type Answer, type Batch, type Finding, Progress, pack, type Settings } from './protocol.ts';

/** What looking at a file costs besides its bytes. */
const FILE_BYTES = 4096;

let progress: Progress;
let examiner: Examiner;

function work({ first, jobs, budgetBytes, sliceMs }: Batch): Answer {
  const end = performance.now() + sliceMs;
  const findings: Finding[] = [];
  let bytes = 0;
  for (const job of jobs) {
    progress.begin(first + findings.length);
    const before = examiner.bytes;
    findings.push(examiner.examine(job));
    bytes += FILE_BYTES + examiner.bytes - before;
    if (bytes >= budgetBytes || performance.now() >= end) break;
  }
  progress.begin(0);
  return { findings, bytes };
}

parentPort?.on('message', (message: string | Settings) => {
  if (typeof message === 'string') {
    const packed = pack(work(JSON.parse(message) as Batch));
    parentPort?.postMessage(
      packed,
      packed.contents.map(({ content }) => content.buffer),
    );
    return;
  }
  progress = new Progress(message.progress);
  examiner = new Examiner(message, progress);
});
