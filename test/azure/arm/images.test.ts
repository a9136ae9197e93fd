import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { imageBody, imageVersionBody } from '../../../src/azure/arm/image-body.ts';
import { Images } from '../../../src/azure/arm/images.ts';
import { idOf, resourceId } from '../../../src/azure/arm/resource-id.ts';
import { DestinationError, ServiceError } from '../../../src/errors.ts';
import { withoutProxies } from '../../support/forwarding-proxy.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';
import * as recorded from './recorded-answers.ts';
import { type ScriptedArm, scriptedArm, testClient } from './scripted-arm.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: 'rg' };
const DISK = resourceId('Microsoft.Compute/disks', PLACE, 'd1');
const IMAGE = resourceId('Microsoft.Compute/images', PLACE, 'image1');
const VERSION = resourceId('Microsoft.Compute/galleries/images/versions', PLACE, 'g', 'def', '1.0.0');
const DEFINITION = resourceId('Microsoft.Compute/galleries/images', PLACE, 'g', 'def');

beforeEach(withoutProxies);
afterEach(() => {
  vi.unstubAllEnvs();
});

function signal(): AbortSignal {
  return new AbortController().signal;
}

async function fixture(): Promise<{ readonly arm: ScriptedArm; readonly images: Images }> {
  const arm = await scriptedArm();
  return { arm, images: new Images(testClient(arm.origin).client) };
}

describe('Images.create', () => {
  const body = imageBody({ location: 'westus', source: { disk: DISK }, osType: 'Linux', generation: 2 });
  const created = (provisioningState: string) => ({
    id: idOf(IMAGE),
    name: 'image1',
    location: 'westus',
    properties: { provisioningState },
  });

  it('follows the recorded answers', async () => {
    const { arm, images } = await fixture();
    arm.reply(`PUT ${idOf(IMAGE)}`, recorded.imageAccepted(arm.origin, 'operations', created('Creating')));
    arm.reply(
      `GET ${recorded.imageStatus('operations')}`,
      { status: 200, body: { status: 'InProgress' } },
      { status: 200, body: { status: 'Succeeded' } },
    );
    arm.reply(`GET ${idOf(IMAGE)}`, { status: 200, body: created('Succeeded') });
    expect(await images.create(IMAGE, body, signal())).toEqual({ id: idOf(IMAGE), name: 'image1', location: 'westus' });
    expect(JSON.parse(arm.seen[0]?.body ?? '')).toEqual(body);
    expect(arm.seen[0]?.target).toContain('?api-version=2024-11-01');
  });

  it('explains the failure for a disk whose upload is not finished', async () => {
    const { arm, images } = await fixture();
    arm.reply(`PUT ${idOf(IMAGE)}`, recorded.imageAccepted(arm.origin, 'operations', created('Creating')));
    arm.reply(`GET ${recorded.imageStatus('operations')}`, recorded.IMAGE_OF_UNFINISHED_DISK);
    const failure = await failureOf(images.create(IMAGE, body, signal()));
    expect(failure).toBeInstanceOf(ServiceError);
    expect(failure.message).toMatch(
      /^Create image image1 failed: InternalExecutionError, An internal execution error occurred.*must be Unattached/,
    );
  });
});

describe('Images.createVersion', () => {
  const body = imageVersionBody({ location: 'westus', source: { disk: DISK }, regions: ['eastus'] });
  const version = (properties: object) => ({ id: idOf(VERSION), name: '1.0.0', location: 'westus', properties });

  it.each([201, 200])('follows the recorded answers that start with %i', async (status) => {
    const { arm, images } = await fixture();
    const started = recorded.imageAccepted(arm.origin, 'capsOperations', version({ provisioningState: 'Creating' }));
    arm.reply(`PUT ${idOf(VERSION)}`, { ...started, status });
    const running = new Array(15).fill({ status: 200, body: { status: 'InProgress' } });
    arm.reply(`GET ${recorded.imageStatus('capsOperations')}`, ...running, {
      status: 200,
      body: { status: 'Succeeded' },
    });
    arm.reply(`GET ${idOf(VERSION)}`, { status: 200, body: version({ provisioningState: 'Succeeded' }) });
    expect(await images.createVersion(VERSION, body, signal())).toMatchObject({ id: idOf(VERSION), name: '1.0.0' });
    expect(arm.seen[0]?.target).toContain('?api-version=2025-03-03');
  });

  it('names the region whose replication failed', async () => {
    const { arm, images } = await fixture();
    const replicationStatus = { summary: [{ region: 'East US', state: 'Failed', details: 'No capacity.' }] };
    arm.reply(`PUT ${idOf(VERSION)}`, { status: 201, body: version({ provisioningState: 'Creating' }) });
    arm.reply(`GET ${idOf(VERSION)}`, {
      status: 200,
      body: version({ provisioningState: 'Failed', replicationStatus }),
    });
    expect((await failureOf(images.createVersion(VERSION, body, signal()))).message).toContain(
      'Create image version g/def/1.0.0 failed: ReplicationFailed, East US: No capacity',
    );
  });
});

describe('Images.definition', () => {
  it('reports what all versions have in common', async () => {
    const { arm, images } = await fixture();
    const properties = {
      osType: 'Linux',
      osState: 'Generalized',
      hyperVGeneration: 'V2',
      architecture: 'x64',
      features: [{ name: 'SecurityType', value: 'TrustedLaunchSupported' }, { name: 'odd' }, null],
    };
    arm.reply(`GET ${idOf(DEFINITION)}`, {
      status: 200,
      body: { id: idOf(DEFINITION), location: 'westus', properties },
    });
    expect(await images.definition(DEFINITION, signal())).toEqual({
      id: idOf(DEFINITION),
      location: 'westus',
      ...properties,
      features: { SecurityType: 'TrustedLaunchSupported' },
    });
  });

  it('is undefined if only the definition is missing', async () => {
    const { arm, images } = await fixture();
    arm.reply(`GET ${idOf(DEFINITION)}`, recorded.NOT_FOUND);
    expect(await images.definition(DEFINITION, signal())).toBeUndefined();
    arm.reply(`GET ${idOf(DEFINITION)}`, {
      status: 404,
      body: { error: { code: 'ParentResourceNotFound', message: 'No gallery g.' } },
    });
    expect(await failureOf(images.definition(DEFINITION, signal()))).toBeInstanceOf(DestinationError);
  });
});

describe('Images.storageAccount', () => {
  const LIST = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts`;
  const id = (group: string, name: string) =>
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.Storage/storageAccounts/${name}`;

  it('finds the account by its name', async () => {
    const { arm, images } = await fixture();
    const value = [
      { name: 'other', id: id('a', 'other') },
      { name: 'acc', id: id('Storage', 'acc') },
    ];
    arm.reply(`GET ${LIST}`, { status: 200, body: { value } });
    expect(idOf(await images.storageAccount(SUBSCRIPTION, 'acc', signal()))).toBe(id('Storage', 'acc'));
  });

  it('says what to do if there is none', async () => {
    const { arm, images } = await fixture();
    arm.reply(`GET ${LIST}`, { status: 200, body: { value: [] } });
    const failure = await failureOf(images.storageAccount(SUBSCRIPTION, 'acc', signal()));
    expect(failure).toMatchObject({ reason: 'StorageAccountNotFound' });
    expect(failure.message).toContain('--subscription');
  });
});
