import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { RenewSas } from '../../../src/azure/auth/credentials.ts';
import { SasAccess } from '../../../src/azure/auth/sas-access.ts';
import type { AccessOptions } from '../../../src/azure/auth/signer.ts';
import { parseDestination } from '../../../src/azure/destination.ts';
import { CredentialError } from '../../../src/errors.ts';
import { sasWith, signatureFor } from '../../support/sas-samples.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const { address } = parseDestination('https://account.blob.core.windows.net/vhds/disk.vhd');
const NEVER = new AbortController().signal;
// Each request adds a listener, as it does to the signal of a transfer.
setMaxListeners(0, NEVER);
const EXPIRED = new CredentialError('The SAS expired.', { isExpired: true });
const REFUSED = new CredentialError('403 AuthorizationPermissionMismatch');

function sas(name: string): string {
  return sasWith({ sig: signatureFor(name) });
}

function accessWith(renewSas?: RenewSas, more: AccessOptions = {}) {
  const states: string[] = [];
  const access = new SasAccess(sas('first'), address, {
    onEvent: ({ state }) => states.push(state),
    ...(renewSas === undefined ? {} : { renewSas }),
    ...more,
  });
  return { access, states };
}

describe('SasAccess', () => {
  it('asks once for all rejected requests, and all of them get the new SAS', async () => {
    const answers: ((text: string) => void)[] = [];
    const { access, states } = accessWith(() => new Promise((resolve) => answers.push(resolve)));
    const refused = access.signer;
    const waiting = Array.from({ length: 64 }, () => access.renewed(refused, EXPIRED, NEVER));
    answers[0]?.(sas('second'));
    expect(await Promise.all(waiting)).toEqual(new Array(64).fill(true));
    expect(answers).toHaveLength(1);
    expect(access.signer.sdk).toEqual({ sas: sas('second') });
    expect(states).toEqual(['expired', 'renewed']);
  });

  it('does not ask if the SAS was already replaced', async () => {
    let asked = 0;
    const { access } = accessWith(() => {
      asked += 1;
      return Promise.resolve(sas(`number-${asked}`));
    });
    const refused = access.signer;
    await access.renewed(refused, EXPIRED, NEVER);
    expect(await access.renewed(refused, EXPIRED, NEVER)).toBe(true);
    expect(asked).toBe(1);
  });

  it('does not ask without renewSas, or if the rejection has another cause', async () => {
    const { access } = accessWith();
    expect(await access.renewed(access.signer, EXPIRED, NEVER)).toBe(false);
    const { access: askable } = accessWith(() => Promise.reject(new Error('It was asked.')));
    expect(await askable.renewed(askable.signer, REFUSED, NEVER)).toBe(false);
  });

  it('asks again, whatever the cause, until the service has accepted a new SAS once', async () => {
    let asked = 0;
    const { access } = accessWith(() => {
      asked += 1;
      return Promise.resolve(sas(`number-${asked}`));
    });
    await access.renewed(access.signer, EXPIRED, NEVER);
    expect(await access.renewed(access.signer, REFUSED, NEVER)).toBe(true);
    access.signer.wasAccepted = true;
    expect(await access.renewed(access.signer, REFUSED, NEVER)).toBe(false);
    expect(asked).toBe(2);
  });

  it('counts the attempts since a SAS was last accepted, and stops after ten', async () => {
    const attempts: number[] = [];
    let name = 0;
    const { access } = accessWith(({ attempt }) => {
      attempts.push(attempt);
      name += 1;
      return Promise.resolve(sas(`number-${name}`));
    });
    for (let round = 0; round < 3; round++) {
      access.signer.wasAccepted = true;
      await access.renewed(access.signer, EXPIRED, NEVER);
    }
    expect(attempts).toEqual([1, 1, 1]);
    const asked = async () => await access.renewed(access.signer, EXPIRED, NEVER);
    for (let attempt = 2; attempt <= 10; attempt++) expect(await asked()).toBe(true);
    expect(await failureOf(asked())).toBeInstanceOf(CredentialError);
    expect(attempts.at(-1)).toBe(10);
  });

  it('refuses the rejected SAS, and counts a CredentialError as an unusable answer', async () => {
    const problems: string[] = [];
    const { access, states } = accessWith(({ attempt, problem }) => {
      problems.push(problem);
      if (attempt === 1) return Promise.resolve(sas('first'));
      if (attempt === 2) return Promise.reject(new CredentialError('The command failed.'));
      return Promise.resolve(sas('second'));
    });
    expect(await access.renewed(access.signer, EXPIRED, NEVER)).toBe(true);
    expect(problems).toEqual([
      'The SAS expired.',
      expect.stringContaining('the service rejected'),
      'The command failed.',
    ]);
    expect(states).toEqual(['expired', 'refused', 'refused', 'renewed']);
  });

  it('stops waiting for an aborted request, and keeps waiting for the others', async () => {
    const answers: ((text: string) => void)[] = [];
    const { access } = accessWith(() => new Promise((resolve) => answers.push(resolve)));
    const one = new AbortController();
    const refused = access.signer;
    const waiting = [one.signal, NEVER].map((signal) => access.renewed(refused, EXPIRED, signal));
    const reason = new Error('stopped');
    one.abort(reason);
    await expect(waiting[0]).rejects.toBe(reason);
    answers[0]?.(sas('second'));
    expect(await waiting[1]).toBe(true);
  });

  it('stops waiting when it is closed, and aborts renewSas', async () => {
    let signal: AbortSignal | undefined;
    const { access } = accessWith((request) => {
      signal = request.signal;
      return new Promise(() => undefined);
    });
    const waiting = failureOf(access.renewed(access.signer, EXPIRED, NEVER));
    access.close();
    expect((await waiting).message).toBe('The upload is over.');
    expect(signal?.aborted).toBe(true);
  });

  it('returns the expiry time of its SAS', () => {
    const access = new SasAccess('sp=rw&se=2030-01-01&sig=x', address, {});
    expect(access.expiresOn).toEqual(new Date('2030-01-01'));
    expect(new SasAccess('si=policy&sig=x', address, {}).expiresOn).toBeUndefined();
  });
});

describe('SasAccess, of a managed disk', () => {
  it('follows a SAS that comes with another URL, and takes the same SAS again', async () => {
    const moved = 'https://md-impexp-two.z1.blob.storage.azure.net/c1/abcd';
    const texts = [`${moved}?${sas('second')}`, `${moved}?${sas('second')}`];
    const { access } = accessWith(() => Promise.resolve(texts.shift()), { isDisk: true });
    expect(await access.renewed(access.signer, EXPIRED, NEVER)).toBe(true);
    expect(access.signer.sdk).toEqual({ sas: sas('second'), url: moved });
    const before = access.signer;
    before.wasAccepted = true;
    expect(await access.renewed(before, EXPIRED, NEVER)).toBe(true);
    expect(access.signer.sdk).toEqual({ sas: sas('second'), url: moved });
    expect(access.signer).not.toBe(before);
  });

  it('never sends a SAS to a host that is not that of a disk', async () => {
    const { access } = accessWith(() => Promise.resolve(`https://example.com/c1/abcd?${sas('second')}`), {
      isDisk: true,
    });
    expect(await failureOf(access.renewed(access.signer, EXPIRED, NEVER))).toBeInstanceOf(CredentialError);
    expect(access.signer.sdk).toEqual({ sas: sas('first') });
  });
});
