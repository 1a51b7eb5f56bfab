// A container as ECS has it, and the pod that it belongs to. Pure.

import type { Container } from '../../core/event.ts';
import { boundedJson, type Caps, capped, put, unlessEmpty, type Warnings } from './caps.ts';
import { cutToJsonBytes, type JsonObject } from './json.ts';

const LABELS_BYTES = 2_048;

export function containerObject(container: Container, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = { id: cutToJsonBytes(container.id, 256) };
  put(object, 'runtime', container.runtime);
  put(object, 'name', capped(container.name, 512, warnings));
  const image: JsonObject = {};
  put(image, 'name', capped(container.image?.name, 512, warnings));
  const tag = capped(container.image?.tag, 256, warnings);
  if (tag !== undefined) image.tag = [tag];
  put(object, 'image', unlessEmpty(image));
  if (container.labels !== undefined) {
    // A dot in a name would be read as the name of an object with a field.
    const labels = Object.entries(container.labels).map(([key, value]) => [key.replaceAll('.', '_'), value]);
    const bytes = Math.min(LABELS_BYTES, caps.blobBytes);
    const kept = boundedJson(Object.fromEntries(labels), bytes, warnings, 'labels_truncated');
    put(object, 'labels', unlessEmpty(kept as JsonObject));
  }
  return object;
}

export function orchestratorObject({ pod }: Container, warnings: Warnings): JsonObject | undefined {
  if (pod === undefined) return undefined;
  const resource: JsonObject = { type: 'pod' };
  put(resource, 'id', capped(pod.uid, 256, warnings));
  put(resource, 'name', capped(pod.name, 512, warnings));
  const object: JsonObject = { type: 'kubernetes', resource };
  put(object, 'namespace', capped(pod.namespace, 512, warnings));
  return object;
}
