// The files and answers of runtimes: JSON in, details out. Takes whatever JSON there is. Pure.

import type { ContainerDetails } from './facts.ts';

const TEXT_MAX = 256;
const LABELS_MAX = 48;
const LABEL_MAX = 512;

/** Docker's `config.v2.json`, and the answer of its API's inspect. */
export function dockerDetails(json: unknown, id: string): ContainerDetails | undefined {
  const container = new Json(json);
  // `ID` in the file, `Id` in the answer: of this container and no other.
  if ((container.text('ID') ?? container.text('Id')) !== id) return undefined;
  const labels = container.texts('Config', 'Labels');
  return details({
    runtime: 'docker',
    name: container.text('Name')?.replace(/^\//, ''),
    image: container.text('Config', 'Image'),
    labels,
    podName: labels?.['io.kubernetes.pod.name'],
    podNamespace: labels?.['io.kubernetes.pod.namespace'],
  });
}

/** podman's `containers.json`: all containers of a storage. Its metadata is JSON in a text. */
export function containersJsonDetails(json: unknown, id: string): ContainerDetails | undefined {
  const found = Array.isArray(json) ? json.map(one => new Json(one)).find(one => one.text('id') === id) : undefined;
  if (found === undefined) return undefined;
  const metadata = Json.parse(found.text('metadata'));
  return details({
    runtime: 'podman',
    name: metadata.text('name') ?? found.first('names'),
    image: metadata.text('image-name'),
  });
}

/** podman's and cri-o's `containers.json`: the container whose own layer has this name. */
export function containerOfLayer(json: unknown, layer: string): string | undefined {
  const containers = Array.isArray(json) ? json.map(one => new Json(one)) : [];
  return containers.find(one => one.text('layer') === layer)?.text('id');
}

/** A bundle's `config.json` (OCI): Kubernetes' annotations by containerd and cri-o. */
export function specDetails(json: unknown, runtime: 'containerd' | 'cri-o'): ContainerDetails | undefined {
  const spec = new Json(json);
  if (!spec.isObject) return undefined;
  const notes = spec.texts('annotations') ?? {};
  const labels = Json.parse(notes['io.kubernetes.cri-o.Labels']).texts();
  return details({
    runtime,
    name: notes['io.kubernetes.cri.container-name'] ?? notes['io.kubernetes.container.name'] ?? notes['nerdctl/name'],
    image: notes['io.kubernetes.cri.image-name'] ?? notes['io.kubernetes.cri-o.ImageName'],
    labels,
    podName: notes['io.kubernetes.cri.sandbox-name'] ?? notes['io.kubernetes.pod.name'],
    podNamespace: notes['io.kubernetes.cri.sandbox-namespace'] ?? notes['io.kubernetes.pod.namespace'],
  });
}

/** `registry:5000/name:tag@sha256:…`; a bare hash names no image. */
export function imageName(text: string): { name: string; tag?: string } | undefined {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
  const name = text.split('@', 1)[0]!;
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  if (colon < 0) return name === '' ? undefined : { name };
  const tag = name.slice(colon + 1);
  return colon === 0 ? undefined : { name: name.slice(0, colon), ...(tag !== '' && { tag }) };
}

interface Parts {
  readonly runtime: string;
  readonly name: string | undefined;
  readonly image: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly podName?: string | undefined;
  readonly podNamespace?: string | undefined;
}

function details({ runtime, name, image, labels, podName, podNamespace }: Parts): ContainerDetails {
  const named = image === undefined || image.length > TEXT_MAX ? undefined : imageName(image);
  const pod = {
    ...(isText(podName) && { name: podName }),
    ...(isText(podNamespace) && { namespace: podNamespace }),
  };
  const kept = Object.entries(labels ?? {})
    .filter(([key, value]) => key !== '' && value !== '' && key.length <= TEXT_MAX && value.length <= LABEL_MAX)
    .slice(0, LABELS_MAX);
  return {
    runtime,
    ...(isText(name) && { name }),
    ...(named !== undefined && { image: named }),
    ...(kept.length > 0 && { labels: Object.fromEntries(kept) }),
    ...((pod.name ?? pod.namespace) !== undefined && { pod }),
  };
}

const isText = (text: string | undefined): text is string =>
  text !== undefined && text !== '' && text.length <= TEXT_MAX;

/** JSON of unknown shape. */
class Json {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  static parse(text: string | undefined): Json {
    try {
      return new Json(text === undefined ? undefined : JSON.parse(text));
    } catch {
      return new Json(undefined);
    }
  }

  get isObject(): boolean {
    return typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value);
  }

  #at(path: readonly string[]): unknown {
    let value = this.#value;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Readonly<Record<string, unknown>>)[key];
    }
    return value;
  }

  text(...path: string[]): string | undefined {
    const value = this.#at(path);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  /** The first text of a list. */
  first(...path: string[]): string | undefined {
    const value = this.#at(path);
    return Array.isArray(value) ? value.find((one): one is string => typeof one === 'string') : undefined;
  }

  /** The properties that are texts. */
  texts(...path: string[]): Record<string, string> | undefined {
    const value = this.#at(path);
    if (!new Json(value).isObject) return undefined;
    return Object.fromEntries(
      Object.entries(value as object).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    );
  }
}
