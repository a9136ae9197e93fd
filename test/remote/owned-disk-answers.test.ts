import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManagedDisks } from '../../src/azure/arm/managed-disks.ts';
import { resourceId } from '../../src/azure/arm/resource-id.ts';
import { DestinationError, InUseError, ServiceError } from '../../src/errors.ts';
import { OwnedDisk, type OwnedDiskOptions } from '../../src/remote/owned-disk.ts';
import { DISK_READY, GROUP } from '../azure/arm/recorded-answers.ts';
import { type Reply, type ScriptedArm, scriptedArm, testClient } from '../azure/arm/scripted-arm.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const PLACE = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'rg' };
const PATH = `${GROUP}/providers/Microsoft.Compute/disks/disk1`;
const UPLOAD_ID = '00000000-0000-0000-0000-0000000000a1';
const { signal } = new AbortController();

beforeEach(withoutProxies);
afterEach(() => {
  vi.unstubAllEnvs();
});

async function fixture(change: Partial<OwnedDiskOptions> = {}): Promise<{ arm: ScriptedArm; disk: OwnedDisk }> {
  const arm = await scriptedArm();
  const { client } = testClient(arm.origin);
  const disk = new OwnedDisk({
    disks: new ManagedDisks(client),
    id: resourceId('Microsoft.Compute/disks', PLACE, 'disk1'),
    uploadId: UPLOAD_ID,
    uniqueId: DISK_READY.properties.uniqueId,
    isTagged: true,
    expectedMs: 1000,
    emit: () => undefined,
    ...change,
  });
  return { arm, disk };
}

/** @param change - Of the properties; undefined removes one. */
function diskWith(change: object, more: object = {}): Reply {
  const { properties, ...rest } = DISK_READY;
  const tags = { 'vhdup-upload-id': UPLOAD_ID };
  return { status: 200, body: { ...rest, tags, ...more, properties: { ...properties, ...change } } };
}

const NOT_ALLOWED: Reply = {
  status: 409,
  body: { error: { code: 'OperationNotAllowed', message: 'Write access cannot be granted in state Unattached.' } },
};

describe('OwnedDisk.commit', () => {
  it.each(['Unattached', 'Attached', 'Reserved'])('is done when the disk is %s', async (diskState) => {
    const { arm, disk } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    arm.reply(`GET ${PATH}`, diskWith({ diskState }));
    await disk.commit(signal);
    expect(arm.calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });

  it('fails if the disk stays in upload', async () => {
    const { arm, disk } = await fixture();
    arm.reply(`POST ${PATH}/endGetAccess`, { status: 200 });
    arm.reply(`GET ${PATH}`, diskWith({ diskState: 'ActiveUpload' }));
    expect(await failureOf(disk.commit(signal))).toBeInstanceOf(ServiceError);
  });
});

describe('OwnedDisk.grant', () => {
  it('explains a refusal with the state of the disk', async () => {
    const { arm, disk } = await fixture();
    arm.reply(`POST ${PATH}/beginGetAccess`, NOT_ALLOWED);
    arm.reply(`GET ${PATH}`, diskWith({ diskState: 'Unattached' }));
    const failure = await failureOf(disk.grant(signal));
    expect(failure).toMatchObject({ reason: 'UploadEnded' });
    expect(failure.message).toContain('do not use it');
  });

  it('does not call a disk unfinished whose commit an earlier run had asked for', async () => {
    const { arm, disk } = await fixture({ wasFinishing: true });
    arm.reply(`POST ${PATH}/beginGetAccess`, NOT_ALLOWED);
    arm.reply(`GET ${PATH}`, diskWith({ diskState: 'Unattached' }));
    const failure = await failureOf(disk.grant(signal));
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toMatch(/was finished just now.*Run the same command again/);
  });

  it('reports the refusal itself if the state of the disk does not explain it', async () => {
    const { arm, disk } = await fixture();
    arm.reply(`POST ${PATH}/beginGetAccess`, NOT_ALLOWED);
    arm.reply(`GET ${PATH}`, diskWith({ diskState: 'ReadyToUpload' }));
    expect((await failureOf(disk.grant(signal))).message).toContain('OperationNotAllowed');
  });
});

describe('OwnedDisk.assertOurs', () => {
  it.each<[string, Reply, new (...args: never[]) => Error, RegExp]>([
    ['attached', diskWith({ diskState: 'Attached' }, { managedBy: '/vm' }), DestinationError, /is attached to \/vm/],
    ['ended', diskWith({ diskState: 'Unattached' }), DestinationError, /its state is Unattached/],
    [
      'being changed',
      diskWith({ diskState: undefined, provisioningState: 'Updating' }),
      InUseError,
      /being created or changed \(provisioning Updating\)/,
    ],
    ['tagged by another upload', diskWith({}, { tags: { 'vhdup-upload-id': 'b' } }), InUseError, /Another upload/],
    ['without its tag', diskWith({}, { tags: {} }), InUseError, /removed the tag/],
    ['replaced', diskWith({ uniqueId: 'another' }), DestinationError, /is another disk of the same name/],
  ])('fails if the disk is %s', async (_, reply, kind, message) => {
    const { arm, disk } = await fixture();
    arm.reply(`GET ${PATH}`, reply);
    const failure = await failureOf(disk.assertOurs(signal));
    expect(failure).toBeInstanceOf(kind);
    expect(failure.message).toMatch(message);
  });

  it('quotes the id in a command that can be pasted', async () => {
    const id = resourceId('Microsoft.Compute/disks', { ...PLACE, resourceGroup: 'rg(1)' }, 'disk1');
    const { arm, disk } = await fixture({ id });
    arm.reply(`GET ${PATH.replace('/rg/', '/rg(1)/')}`, diskWith({ diskState: 'Unattached' }));
    const { message } = await failureOf(disk.assertOurs(signal));
    expect(message).toMatch(/az disk delete --ids (["'])\/\S*\/rg\(1\)\/\S*\1/);
  });
});
