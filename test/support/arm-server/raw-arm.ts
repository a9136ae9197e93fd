// Sends single requests to the test server of Resource Manager exactly as given, and follows poll URLs.

import type { ManagedDisks } from '../managed-disks.ts';
import { type RawRequest, rawRequest } from '../raw-request.ts';

export interface ArmAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Undefined without a body. */
  readonly json: unknown;
  /** The status, and the code of an error if there is one: `404 ResourceNotFound`. */
  readonly outcome: string;
}

export interface RawArmRequest {
  /** JSON, or a text to be sent as it is. */
  readonly body?: object | string;
  /** @default 2025-01-02, a version of disks; empty for none */
  readonly apiVersion?: string;
  /** @default a new one for Resource Manager; empty for none */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const DISKS_VERSION = '2025-01-02';
export const IMAGES_VERSION = '2024-11-01';
export const GALLERIES_VERSION = '2024-03-03';

/** A client without any logic of its own. */
export class RawArm {
  readonly #servers: ManagedDisks;

  constructor(servers: ManagedDisks) {
    this.#servers = servers;
  }

  /** The path of a resource in the group `rg`. @param path - Without the provider: `disks/d1`. */
  path(path: string): string {
    return `/subscriptions/${this.#servers.subscription}/resourceGroups/rg/providers/Microsoft.Compute/${path}`;
  }

  /** @param path - Of a disk or what is below it: `disks/d1/beginGetAccess`; or a whole path. */
  send(method: string, path: string, request: RawArmRequest = {}): Promise<ArmAnswer> {
    const whole = path.startsWith('/') ? path : this.path(path);
    const { apiVersion = DISKS_VERSION } = request;
    const query = apiVersion === '' ? '' : `?api-version=${apiVersion}`;
    return this.sendTo(`${this.#servers.armEndpoint}${whole}${query}`, method, request);
  }

  /** @param url - Used verbatim. */
  async sendTo(url: string, method: string, request: RawArmRequest = {}): Promise<ArmAnswer> {
    const { body, token = this.#servers.issuer.issue('https://management.azure.com').token } = request;
    const bytes = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const headers = {
      'x-ms-version': '',
      ...(token !== '' && { authorization: `Bearer ${token}` }),
      ...(bytes !== undefined && { 'content-type': 'application/json' }),
      ...request.headers,
    };
    const ca = this.#servers.caCertificate;
    const raw: RawRequest = { method, headers, ...(bytes !== undefined && { body: bytes }), ...(ca && { ca }) };
    const answer = await rawRequest(url, raw);
    const text = answer.body.toString('utf8');
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    const code = codeOf(json);
    const outcome = code === undefined ? String(answer.status) : `${answer.status} ${code}`;
    return { status: answer.status, headers: answer.headers, json, outcome };
  }

  /** Sends a request, and polls its operation by Azure-AsyncOperation to the end. Returns the last answer. */
  async run(method: string, path: string, request: RawArmRequest = {}): Promise<ArmAnswer> {
    let answer = await this.send(method, path, request);
    let url = answer.headers.get('azure-asyncoperation');
    while (url !== undefined) {
      answer = await this.sendTo(url, 'GET');
      url = statusOf(answer.json) === 'InProgress' ? (answer.headers.get('azure-asyncoperation') ?? url) : undefined;
    }
    return answer;
  }

  /** Creates a disk for upload, and grants write access. Returns its URL with the SAS. */
  async grantUpload(name: string, uploadSizeBytes: number, properties: object = {}): Promise<string> {
    const creationData = { createOption: 'Upload', uploadSizeBytes };
    await this.run('PUT', `disks/${name}`, {
      body: { location: 'westeurope', properties: { creationData, ...properties } },
    });
    const granted = await this.run('POST', `disks/${name}/beginGetAccess`, {
      body: { access: 'Write', durationInSeconds: 86400 },
    });
    return sasUrlIn(granted.json);
  }
}

/** The URL in the result of a grant, alone or in the status of the operation. */
export function sasUrlIn(json: unknown): string {
  const found = /"accessSA[Ss]":"([^"]+)"/.exec(JSON.stringify(json) ?? '')?.[1];
  if (found === undefined) throw new Error(`There is no SAS in ${JSON.stringify(json)}.`);
  return found;
}

function codeOf(json: unknown): string | undefined {
  const error = typeof json === 'object' && json !== null && 'error' in json ? json.error : undefined;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function statusOf(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'status' in json ? json.status : undefined;
}
