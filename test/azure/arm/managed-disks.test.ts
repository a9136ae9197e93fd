import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { diskBody } from '../../../src/azure/arm/disk-body.ts';
import { grantSeconds, ManagedDisks } from '../../../src/azure/arm/managed-disks.ts';
import { resourceId } from '../../../src/azure/arm/resource-id.ts';
import { DestinationError, InUseError, ServiceError, UsageError, VerificationError } from '../../../src/errors.ts';
import { withoutProxies } from '../../support/forwarding-proxy.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';
import * as recorded from './recorded-answers.ts';
import { type Reply, type ScriptedArm, scriptedArm, type TestClient, testClient } from './scripted-arm.ts';

const DISK = resourceId(
  'Microsoft.Compute/disks',
  { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'rg' },
  'disk1',
);
const PATH = `${recorded.GROUP}/providers/Microsoft.Compute/disks/disk1`;
const OPTIONS = { location: 'westus', sku: 'Premium_LRS', uploadSizeBytes: 21474836992 } as const;

beforeEach(withoutProxies);
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

function signal(): AbortSignal {
  return new AbortController().signal;
}

interface Fixture extends TestClient {
  readonly arm: ScriptedArm;
  readonly disks: ManagedDisks;
}

async function fixture(apiVersion?: string): Promise<Fixture> {
  const arm = await scriptedArm();
  const test = testClient(arm.origin);
  return { arm, ...test, disks: new ManagedDisks(test.client, apiVersion) };
}

function diskIn(diskState: string, provisioningState = 'Succeeded'): Reply {
  const { properties, ...rest } = recorded.DISK_READY;
  return { status: 200, body: { ...rest, properties: { ...properties, diskState, provisioningState } } };
}

function refusal(code: string, message = 'x'): Reply {
  return { status: 409, body: { error: { code, message } } };
}

describe('ManagedDisks, as recorded', () => {
  it('creates a disk with the recorded request, and reports what the service reports', async () => {
    const { arm, disks } = await fixture('2023-04-02');
    arm.reply(`PUT ${PATH}`, recorded.CREATE.accepted(arm.origin, recorded.DISK_ACCEPTED));
    arm.reply(`GET ${recorded.CREATE.status}`, recorded.CREATE_SUCCEEDED);
    arm.reply(`GET ${PATH}`, { status: 200, body: recorded.DISK_READY });
    expect(await disks.create(DISK, diskBody(DISK, OPTIONS), signal())).toEqual({
      id: PATH,
      name: 'disk1',
      location: 'westus',
      tags: {},
      sku: 'Premium_LRS',
      diskState: 'ReadyToUpload',
      provisioningState: 'Succeeded',
      uniqueId: '00000000-0000-0000-0000-0000000000f1',
      timeCreated: '2023-11-06T08:48:01.2914481+00:00',
      createOption: 'Upload',
      uploadSizeBytes: 21474836992,
      networkAccessPolicy: 'AllowAll',
    });
    expect(JSON.parse(arm.seen[0]?.body ?? '')).toEqual(recorded.DISK_REQUEST);
    expect(arm.seen.map(({ method, target }) => `${method} ${target}`)).toEqual([
      `PUT ${PATH}?api-version=2023-04-02`,
      `GET ${recorded.CREATE.status}`,
      `GET ${PATH}?api-version=2023-04-02`,
    ]);
  });

  it('grants write access, ends it and deletes the disk', async () => {
    const { arm, disks } = await fixture('2018-09-30');
    const running = { status: 200, body: { status: 'InProgress', name: 'grant' } };
    arm.reply(`POST ${PATH}/beginGetAccess`, recorded.GRANT.accepted(arm.origin));
    arm.reply(`GET ${recorded.GRANT.status}`, running, running, running, recorded.GRANT_SUCCEEDED);
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:00Z') });
    const grant = await disks.grantWrite(DISK, 86_400, signal());
    expect(grant.accessSas.reveal()).toBe(recorded.SAS_URL);
    expect(grant.expiresOn).toEqual(new Date('2026-01-02T00:00:00Z'));
    expect(arm.seen[0]?.body).toBe('{"access":"Write","durationInSeconds":86400}');

    arm.reply(`POST ${PATH}/endGetAccess`, recorded.REVOKE.accepted(arm.origin));
    arm.reply(`GET ${recorded.REVOKE.status}`, recorded.REVOKE_SUCCEEDED);
    arm.reply(`GET ${PATH}`, { status: 200, body: recorded.DISK_UNATTACHED_2018 });
    expect(await disks.endAccess(DISK, signal())).toMatchObject({
      diskState: 'Unattached',
      hyperVGeneration: 'V2',
      uniqueId: undefined,
    });

    arm.reply(`DELETE ${PATH}`, recorded.DELETE.accepted(arm.origin));
    arm.reply(`GET ${recorded.DELETE.status}`, recorded.REVOKE_SUCCEEDED);
    await disks.delete(DISK, signal());
    arm.reply(`GET ${PATH}`, recorded.NOT_FOUND);
    expect(await disks.get(DISK, signal())).toBeUndefined();
    expect(arm.calls.filter((call) => call.includes('monitor'))).toEqual([]);
  });

  it('never shows the SAS', async () => {
    const { arm, disks, records } = await fixture();
    arm.reply(`POST ${PATH}/beginGetAccess`, recorded.GRANT.accepted(arm.origin));
    arm.reply(`GET ${recorded.GRANT.status}`, recorded.GRANT_SUCCEEDED);
    const grant = await disks.grantRead(DISK, 600, signal());
    const shown =
      inspect({ grant, records, disks }, { depth: 9, showHidden: true }) +
      JSON.stringify(grant) +
      String(grant.accessSas);
    expect(shown).not.toMatch(/Zm9yIHRlc3Rz|0000000000e1/);
    expect(shown).toContain('md-impexp-xxxxxxxxxxxx');
    // Not even if the service repeats it.
    arm.reply(`GET ${PATH}`, { status: 400, body: { error: { code: 'Echo', message: `wrong: ${recorded.SAS_URL}` } } });
    expect((await failureOf(disks.get(DISK, signal()))).message).not.toMatch(/Zm9yIHRlc3Rz|0000000000e1/);
  });

  it('reads both spellings of the SAS', async () => {
    const { arm, disks } = await fixture();
    for (const name of ['accessSAS', 'accessSas']) {
      arm.reply(`POST ${PATH}/beginGetAccess`, { status: 200, body: { [name]: recorded.SAS_URL } });
      expect((await disks.grantWrite(DISK, 1, signal())).accessSas.reveal()).toBe(recorded.SAS_URL);
    }
  });

  it('reports a commit of something that is no VHD', async () => {
    for (const answer of [
      { first: { status: 400, body: recorded.INVALID_VHD } },
      { first: undefined, poll: { status: 200, body: { status: 'Failed', ...recorded.INVALID_VHD } } },
      { first: { status: 200, body: recorded.INVALID_VHD } },
    ]) {
      const { arm, disks } = await fixture();
      arm.reply(`POST ${PATH}/endGetAccess`, answer.first ?? recorded.REVOKE.accepted(arm.origin));
      if (answer.poll !== undefined) arm.reply(`GET ${recorded.REVOKE.status}`, answer.poll);
      const failure = await failureOf(disks.endAccess(DISK, signal()));
      expect(failure).toBeInstanceOf(VerificationError);
      expect(failure.message).toContain("cookie value 'conectix'");
      expect(arm.calls.some((call) => call.startsWith('DELETE'))).toBe(false);
    }
  });
});

describe('ManagedDisks.grantWrite', () => {
  it.each([0, -1, 1.5, 5_184_001, Number.NaN])('refuses %d seconds', async (seconds) => {
    const { arm, disks } = await fixture();
    expect(await failureOf(disks.grantWrite(DISK, seconds, signal()))).toBeInstanceOf(UsageError);
    expect(arm.seen).toEqual([]);
  });

  it.each([{}, { accessSAS: '' }, { accessSAS: 'abc' }, { accessSAS: 5 }, { accessSAS: 'ftp://x' }])(
    'refuses the result %j',
    async (body) => {
      const { arm, disks } = await fixture();
      arm.reply(`POST ${PATH}/beginGetAccess`, { status: 200, body });
      const failure = await failureOf(disks.grantWrite(DISK, 60, signal()));
      expect(failure).toMatchObject({ failure: { reason: 'UnusableAnswer', transient: false } });
      expect(failure.message).toContain(
        'Grant write access to disk disk1 failed: the result contains no URL in accessSAS',
      );
    },
  );

  it('names the conflict with another access', async () => {
    const { arm, disks } = await fixture();
    arm.reply(
      `POST ${PATH}/beginGetAccess`,
      refusal('OperationNotAllowed', 'There is an active shared access signature outstanding.'),
    );
    expect(await failureOf(disks.grantWrite(DISK, 60, signal()))).toBeInstanceOf(InUseError);
  });
});

describe('ManagedDisks.endAccess', () => {
  it('waits until nobody has access any more', async () => {
    const { arm, disks } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    arm.reply(
      `GET ${PATH}`,
      diskIn('ActiveUpload'),
      diskIn('ActiveUpload'),
      diskIn('Unattached', 'Updating'),
      diskIn('Unattached'),
    );
    expect(await disks.endAccess(DISK, signal())).toMatchObject({
      diskState: 'Unattached',
      provisioningState: 'Succeeded',
    });
    expect(arm.calls).toHaveLength(5);
  });

  it('succeeds if the access had ended already, because an answer was lost', async () => {
    const { arm, disks } = await fixture();
    arm.reply(
      `POST ${PATH}/endGetAccess`,
      { status: 0, cut: 'before' },
      refusal('OperationNotAllowed', 'There is no active shared access signature for disk disk1 in state Unattached.'),
    );
    arm.reply(`GET ${PATH}`, diskIn('Unattached'));
    expect(await disks.endAccess(DISK, signal())).toMatchObject({ diskState: 'Unattached' });
  });

  it('fails if the service refuses, and the access remains', async () => {
    const { arm, disks } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, refusal('ScopeLocked'));
    arm.reply(`GET ${PATH}`, diskIn('ActiveUpload'));
    expect(await failureOf(disks.endAccess(DISK, signal()))).toMatchObject({ reason: 'ScopeLocked' });
    expect(arm.calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });

  it('fails if the disk is gone', async () => {
    const { arm, disks } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, recorded.NOT_FOUND);
    arm.reply(`GET ${PATH}`, recorded.NOT_FOUND);
    expect(await failureOf(disks.endAccess(DISK, signal()))).toMatchObject({ reason: 'ResourceNotFound' });
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    expect(await failureOf(disks.endAccess(DISK, signal()))).toBeInstanceOf(DestinationError);
  });

  it('rejects with the reason of the signal while it waits', async () => {
    const arm = await scriptedArm();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    arm.reply(`GET ${PATH}`, diskIn('ActiveUpload'));
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const { client } = testClient(arm.origin, {
      wait: (_, given) => {
        controller.abort(reason);
        given.throwIfAborted();
        return Promise.resolve();
      },
    });
    expect(await failureOf(new ManagedDisks(client).endAccess(DISK, controller.signal))).toBe(reason);
  });

  it('fails if the state never changes', async () => {
    const { arm, disks } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    arm.reply(`GET ${PATH}`, diskIn('ActiveUpload'));
    const failure = await failureOf(disks.endAccess(DISK, signal()));
    expect(failure).toBeInstanceOf(ServiceError);
    expect(failure.message).toContain(
      'the service reported success, but the disk is still in state ActiveUpload (Succeeded)',
    );
  });
});

describe('ManagedDisks.get', () => {
  it('keeps tags, and fields that the service may leave out', async () => {
    const { arm, disks } = await fixture();
    const body = {
      ...recorded.DISK_ACCEPTED,
      tags: { 'vhdup-upload-id': '1', odd: 5 },
      managedBy: '/vm',
      properties: {
        osType: 'Linux',
        dataAccessAuthMode: 'AzureActiveDirectory',
        diskSizeBytes: 1024,
        diskAccessId: '/a',
      },
    };
    arm.reply(`GET ${PATH}`, { status: 200, body });
    expect(await disks.get(DISK, signal())).toEqual({
      id: PATH,
      name: 'disk1',
      location: 'westus',
      tags: { 'vhdup-upload-id': '1' },
      sku: 'Premium_LRS',
      osType: 'Linux',
      dataAccessAuthMode: 'AzureActiveDirectory',
      diskSizeBytes: 1024,
      diskAccessId: '/a',
      managedBy: '/vm',
    });
    expect(arm.seen[0]?.target).toBe(`${PATH}?api-version=2025-01-02`);
  });

  it.each([{ login: 'required' }, { name: 'disk1' }, { ...recorded.DISK_READY, properties: null }])(
    'refuses the answer %j',
    async (body) => {
      const { arm, disks } = await fixture();
      arm.reply(`GET ${PATH}`, { status: 200, body });
      expect((await failureOf(disks.get(DISK, signal()))).message).toContain('its answer does not describe a disk');
    },
  );
});

describe('grantSeconds', () => {
  it.each([
    [0, 86_400],
    [8 * 3_600_000, 86_400],
    [10 * 3_600_000, 108_000],
    [10 * 3_600_000 + 1, 108_001],
    [1000 * 3_600_000, 5_184_000],
    [Number.POSITIVE_INFINITY, 5_184_000],
  ])('for %d ms is %i', (expectedMs, seconds) => {
    expect(grantSeconds(expectedMs)).toBe(seconds);
  });
});
