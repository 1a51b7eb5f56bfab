// Container fields as rules read them.

import { expect, test } from 'bun:test';
import { FIELDS } from '../../src/rules/fields.ts';
import { Values } from '../../src/rules/values.ts';
import { container, SAMPLES } from '../output/samples.ts';

test('fields of the container of a process, in executions and connections', () => {
  const values = new Values();
  const read = (stream: 'exec' | 'network', name: string): unknown[] => {
    values.clear();
    FIELDS[stream].get(name)?.collect?.(stream === 'exec' ? SAMPLES.exec : SAMPLES.connect, values);
    return values.items.slice(0, values.count);
  };
  for (const stream of ['exec', 'network'] as const) {
    expect(read(stream, 'container.id')).toEqual([container.id]);
    expect(read(stream, 'container.name')).toEqual(['app']);
    expect(read(stream, 'container.runtime')).toEqual(['containerd']);
    expect(read(stream, 'container.image.name')).toEqual(['registry.example.org:5000/shop/app']);
    expect(read(stream, 'container.image.tag')).toEqual(['1.2']);
    expect(read(stream, 'orchestrator.namespace')).toEqual(['shop']);
    expect(read(stream, 'orchestrator.resource.name')).toEqual(['web-0']);
    expect(read(stream, 'orchestrator.resource.id')).toEqual([container.pod!.uid]);
    expect(read(stream, 'puppy.container.drift')).toEqual(['true']);
  }
});
