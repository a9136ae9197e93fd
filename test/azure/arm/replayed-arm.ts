// Replays a recording: a server that answers only what the recorded client sent, in that order, and the clients of vhdup for it.
import { expect } from 'vitest';
import type { ArmClient } from '../../../src/azure/arm/arm-client.ts';
import { Images } from '../../../src/azure/arm/images.ts';
import { ManagedDisks } from '../../../src/azure/arm/managed-disks.ts';
import type { Exchange, Recording } from './recordings.ts';
import { answeringArm, type Reply, type SeenRequest, testClient } from './scripted-arm.ts';

export interface Replay {
  readonly client: ArmClient;
  /** With the API version of the recording. */
  readonly disks: ManagedDisks;
  /** With the API version of the recording. */
  readonly images: Images;
  /** Pauses between polls, in milliseconds. */
  readonly pauses: readonly number[];
  /** Requests that the recording does not have at that point. */
  readonly deviations: readonly string[];
  /** Requests that were not sent although the recording has them. */
  readonly missing: () => readonly string[];
}

/** Runs `work`, and checks that it sends the whole recording and nothing else. @returns the pauses between polls, in milliseconds. */
export async function replay(
  recording: Recording,
  work: (replay: Replay) => Promise<unknown>,
): Promise<readonly number[]> {
  const started = await startReplay(recording);
  await work(started);
  expect(started.deviations, recording.source).toEqual([]);
  expect(started.missing(), recording.source).toEqual([]);
  return started.pauses;
}

export async function startReplay({ exchanges, apiVersion }: Recording): Promise<Replay> {
  const left = exchanges.filter(({ leftOut }) => leftOut === undefined);
  const deviations: string[] = [];
  const server = await answeringArm((request) => {
    const [expected] = left;
    const problem = expected === undefined ? 'the recording has ended' : differenceOf(request, expected);
    if (expected !== undefined && problem === undefined) {
      left.shift();
      return withOrigin(expected.reply, server.origin);
    }
    deviations.push(`${request.method} ${request.target}: ${problem}`);
    return { status: 418, body: { error: { code: 'NotRecorded', message: problem } } };
  });
  const { client, pauses } = testClient(server.origin);
  return {
    client,
    disks: new ManagedDisks(client, apiVersion),
    images: new Images(client, { images: apiVersion, galleries: apiVersion }),
    pauses,
    deviations,
    missing: () => left.map(({ request }) => request),
  };
}

/** Resource Manager does not distinguish the case of paths. Queries are signed, so every character matters. */
function differenceOf({ method, target, headers, body }: SeenRequest, expected: Exchange): string | undefined {
  const [call = '', query = ''] = expected.request.split('?', 2);
  const [path = '', asked = ''] = target.split('?', 2);
  if (`${method} ${path}`.toLowerCase() !== call.toLowerCase()) return `the recording has ${call}`;
  if (asked !== (expected.otherQuery ?? query)) return `the recording has the query ${query}`;
  if (!/^Bearer ./.test(String(headers['authorization'] ?? ''))) return 'it has no token';
  const wanted = expected.body === undefined ? undefined : JSON.stringify(sorted(expected.body));
  const sent = body === '' ? undefined : JSON.stringify(sorted(JSON.parse(body)));
  return sent === wanted ? undefined : `the recording has the body ${wanted ?? 'none'}, not ${sent ?? 'none'}`;
}

/** The order of fields does not matter. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}

function withOrigin(reply: Reply, origin: string): Reply {
  const headers = Object.entries(reply.headers ?? {}).map(([name, text]) => [
    name,
    text.startsWith('/') ? origin + text : text,
  ]);
  return { ...reply, headers: { 'x-ms-request-id': '', ...Object.fromEntries(headers) } };
}
