// Recordings of images, in the form of recordings.ts.
import { type Exchange, GROUP, type Recording } from './recordings.ts';
import type { Reply } from './scripted-arm.ts';

const OPERATIONS = '/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Compute/locations/westus';

/** 201 with one address, and only that of the status. */
function created(status: string, body: unknown): Reply {
  return { status: 201, headers: { 'azure-asyncoperation': status }, body };
}

/** Without properties. */
function ended(name: string): Reply {
  const times = { startTime: '2019-10-16T19:27:54.290217+00:00', endTime: '2019-10-16T19:27:59.4152157+00:00' };
  return { status: 200, body: { ...times, status: 'Succeeded', name } };
}

const IMAGE_VERSION = 'api-version=2019-03-01';
const IMAGE = `${GROUP}/providers/Microsoft.Compute/images/img`;
const IMAGE_STATUS = `${OPERATIONS}/operations/image?${IMAGE_VERSION}`;
const VM = `${GROUP}/providers/Microsoft.Compute/virtualMachines/vm`;
const IMAGE_BODY = {
  location: 'westus',
  tags: {},
  properties: { sourceVirtualMachine: { id: VM }, hyperVGeneration: 'V1' },
};

/** @param sizes - Known at the end. */
function image(provisioningState: string, sizes: { readonly os?: object; readonly data?: object } = {}) {
  const stored = (name: string) => ({ managedDisk: { id: `${GROUP}/providers/Microsoft.Compute/disks/${name}` } });
  return {
    name: 'img',
    id: IMAGE,
    type: 'Microsoft.Compute/images',
    location: 'westus',
    tags: {},
    properties: {
      sourceVirtualMachine: { id: VM },
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          osState: 'Generalized',
          ...sizes.os,
          ...stored('vm_OsDisk'),
          caching: 'ReadWrite',
          storageAccountType: 'Standard_LRS',
        },
        dataDisks: [1, 3].map((lun) => ({
          lun,
          ...sizes.data,
          ...stored(`vm_disk${lun}`),
          caching: 'None',
          storageAccountType: 'Standard_LRS',
        })),
      },
      provisioningState,
      hyperVGeneration: 'V1',
    },
  };
}

/** A managed image of a virtual machine with three disks. */
export const MANAGED_IMAGE: Recording = {
  source: 'azure-cli test_vm_custom_image.yaml (eimajtrebor/azure-cli): az image create, vm create --image, 2019',
  apiVersion: '2019-03-01',
  exchanges: [
    {
      request: `PUT ${IMAGE}?${IMAGE_VERSION}`,
      body: IMAGE_BODY,
      reply: {
        ...created(IMAGE_STATUS, image('Creating')),
        headers: { 'azure-asyncnotification': 'Enabled', 'azure-asyncoperation': IMAGE_STATUS },
      },
    },
    { request: `GET ${IMAGE_STATUS}`, reply: ended('image') },
    {
      request: `GET ${IMAGE}?${IMAGE_VERSION}`,
      reply: { status: 200, body: image('Succeeded', { os: { diskSizeGB: 30 }, data: { diskSizeGB: 1 } }) },
    },
    {
      request: `GET ${IMAGE}?${IMAGE_VERSION}`,
      reply: { status: 200, body: image('Succeeded', { os: { diskSizeGB: 30 }, data: { diskSizeGB: 1 } }) },
    },
  ],
};

const GALLERY_VERSION = 'api-version=2024-03-03';
const DEFINITION = `${GROUP}/providers/Microsoft.Compute/galleries/g/images/image`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/acc`;
const BLOB = 'https://acc.blob.core.windows.net/vhds/osdisk.vhd';
const VERSION_STATUS = `${OPERATIONS}/capsOperations/version?${GALLERY_VERSION}&t=638796762064932029&c=${'MIIHhzCCBm'.repeat(200)}&s=${'eepZblWt4g'.repeat(34)}&h=KcJ30Aq`;
const RUNNING: Exchange = {
  request: `GET ${VERSION_STATUS}`,
  reply: {
    status: 200,
    body: { startTime: '2025-04-08T02:30:06.2460581+00:00', status: 'InProgress', name: 'version' },
  },
};

/** The source of a version that is made of a blob. */
export const BLOB_SOURCE = { storageAccountId: ACCOUNT, uri: BLOB };
export const VERSION_BODY = {
  location: 'westus',
  properties: {
    publishingProfile: { targetRegions: [{ name: 'westus' }] },
    storageProfile: { osDiskImage: { source: BLOB_SOURCE } },
  },
  tags: {},
};

/** What the service has added to the body. */
export function imageVersion(provisioningState: string, disk: object = {}) {
  return {
    name: '1.0.0',
    id: `${DEFINITION}/versions/1.0.0`,
    type: 'Microsoft.Compute/galleries/images/versions',
    location: 'westus',
    tags: {},
    properties: {
      publishingProfile: {
        targetRegions: [{ name: 'West US', regionalReplicaCount: 1, storageAccountType: 'Standard_LRS' }],
        replicaCount: 1,
        excludeFromLatest: false,
        publishedDate: '2025-04-08T02:30:06.2460581+00:00',
        storageAccountType: 'Standard_LRS',
      },
      storageProfile: { osDiskImage: { ...disk, hostCaching: 'ReadWrite', source: BLOB_SOURCE } },
      safetyProfile: { reportedForPolicyViolation: false, allowDeletionOfReplicatedLocations: false },
      validationsProfile: { validationOperationStatus: 'NotExecuted' },
      provisioningState,
    },
  };
}

/** A version of a page blob, which takes seven minutes. Three of its polls are kept. */
export const BLOB_VERSION: Recording = {
  source: 'azure-cli test_image_version_create_os_vhd.yaml: az sig image-definition create, image-version create, 2025',
  apiVersion: '2024-03-03',
  exchanges: [
    {
      request: `GET ${DEFINITION}?api-version=2021-10-01`,
      otherQuery: GALLERY_VERSION,
      reply: {
        status: 200,
        body: {
          name: 'image',
          id: DEFINITION,
          type: 'Microsoft.Compute/galleries/images',
          location: 'westus',
          tags: {},
          properties: {
            hyperVGeneration: 'V1',
            architecture: 'x64',
            osType: 'Linux',
            osState: 'Generalized',
            identifier: { publisher: 'publisher1', offer: 'offer1', sku: 'sku1' },
            provisioningState: 'Succeeded',
          },
        },
      },
    },
    {
      request: `PUT ${DEFINITION}/versions/1.0.0?${GALLERY_VERSION}`,
      body: VERSION_BODY,
      reply: created(VERSION_STATUS, imageVersion('Creating')),
    },
    ...[RUNNING, RUNNING, RUNNING],
    { request: `GET ${VERSION_STATUS}`, reply: ended('version') },
    {
      request: `GET ${DEFINITION}/versions/1.0.0?${GALLERY_VERSION}`,
      reply: { status: 200, body: imageVersion('Succeeded', { sizeInGB: 30 }) },
    },
  ],
};

/** A version of a managed image: the source of its disk is empty. */
export const IMAGE_OF_IMAGE: Recording = {
  source: 'azure-cli test_image_update_add_set.yaml: az sig image-version update, 2026',
  apiVersion: '2024-03-03',
  exchanges: [
    {
      request: `GET ${DEFINITION}/versions/1.1.2?${GALLERY_VERSION}`,
      otherQuery: `${GALLERY_VERSION}&$expand=ReplicationStatus`,
      reply: {
        status: 200,
        body: {
          name: '1.1.2',
          id: `${DEFINITION}/versions/1.1.2`,
          type: 'Microsoft.Compute/galleries/images/versions',
          location: 'westus',
          tags: {},
          properties: {
            publishingProfile: {
              targetRegions: [
                { name: 'West US', regionalReplicaCount: 1, storageAccountType: 'Standard_LRS' },
                {
                  name: 'West Central US',
                  regionalReplicaCount: 3,
                  storageAccountType: 'Standard_LRS',
                  excludeFromLatest: true,
                },
              ],
              replicaCount: 1,
              excludeFromLatest: false,
              publishedDate: '2026-04-23T01:59:11.7333296+00:00',
              storageAccountType: 'Standard_LRS',
            },
            storageProfile: {
              source: { id: `${GROUP}/providers/Microsoft.Compute/images/managedImage1` },
              osDiskImage: { sizeInGB: 30, hostCaching: 'ReadWrite', source: {} },
              dataDiskImages: [{ lun: 0, sizeInGB: 10, hostCaching: 'None' }],
            },
            safetyProfile: { reportedForPolicyViolation: false, allowDeletionOfReplicatedLocations: true },
            validationsProfile: { validationOperationStatus: 'NotExecuted' },
            provisioningState: 'Succeeded',
          },
        },
      },
    },
  ],
};
