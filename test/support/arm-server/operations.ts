// The table of operations: the handler of each, and what it needs: the action of a role, the provider, the versions of the API.

import {
  getProvider,
  getResourceGroup,
  getStorageAccount,
  getSubscription,
  listContainers,
  listResourceGroups,
  listStorageAccounts,
  listSubscriptions,
} from './directory-operations.ts';
import { beginGetAccess, deleteDisk, endGetAccess, getDisk, patchDisk, putDisk } from './disk-operations.ts';
import { badRequest } from './errors.ts';
import { putGallery, putGalleryImage, putGalleryImageVersion } from './gallery-operations.ts';
import { deleteResource, getResource, putImage } from './image-operations.ts';
import type { ArmOperation, ArmRequest } from './request.ts';
import type { ArmContext, Handled } from './state.ts';

/** Handlers run synchronously, so that nothing else changes the subscription meanwhile. They throw ArmError. */
export const HANDLERS: Readonly<Partial<Record<ArmOperation, (context: ArmContext) => Handled>>> = {
  ListSubscriptions: listSubscriptions,
  GetSubscription: getSubscription,
  GetProvider: getProvider,
  GetResourceGroup: getResourceGroup,
  ListResourceGroups: listResourceGroups,
  GetDisk: getDisk,
  PutDisk: putDisk,
  PatchDisk: patchDisk,
  DeleteDisk: deleteDisk,
  BeginGetAccess: beginGetAccess,
  EndGetAccess: endGetAccess,
  GetImage: getResource,
  PutImage: putImage,
  DeleteImage: deleteResource,
  GetGallery: getResource,
  PutGallery: putGallery,
  GetGalleryImage: getResource,
  PutGalleryImage: putGalleryImage,
  GetGalleryImageVersion: getResource,
  PutGalleryImageVersion: putGalleryImageVersion,
  DeleteGalleryImageVersion: deleteResource,
  ListStorageAccounts: listStorageAccounts,
  GetStorageAccount: getStorageAccount,
  ListContainers: listContainers,
};

const DISKS = ['2022-07-02', '2023-01-02', '2023-04-02', '2023-10-02', '2024-03-02', '2025-01-02', '2026-03-02'];
const IMAGES = ['2023-09-01', '2024-03-01', '2024-07-01', '2024-11-01', '2025-04-01', '2026-03-01', '2026-04-01'];
const GALLERIES = ['2022-08-03', '2023-07-03', '2024-03-03', '2025-03-03', '2025-12-03'];
const STORAGE = ['2023-01-01', '2023-05-01', '2024-01-01', '2025-01-01'];
const RESOURCES = [
  '2020-01-01',
  '2021-01-01',
  '2021-04-01',
  '2022-09-01',
  '2022-12-01',
  '2024-03-01',
  '2024-11-01',
  '2025-04-01',
];

interface Needs {
  /** Undefined if no role is needed. */
  readonly action?: string;
  readonly type: string;
  readonly versions: readonly string[];
}

function compute(type: string, action: string, versions: readonly string[]): Needs {
  return { type: `Microsoft.Compute/${type}`, action: `Microsoft.Compute/${type}/${action}`, versions };
}

/** Polls carry the version of their URL, which is compared as a whole. */
const NEEDS: Readonly<Partial<Record<ArmOperation, Needs>>> = {
  ListSubscriptions: { type: 'Microsoft.Resources/subscriptions', versions: RESOURCES },
  GetSubscription: { type: 'Microsoft.Resources/subscriptions', versions: RESOURCES },
  GetProvider: { type: 'Microsoft.Resources/providers', versions: RESOURCES },
  GetResourceGroup: {
    type: 'Microsoft.Resources/resourceGroups',
    action: 'Microsoft.Resources/subscriptions/resourceGroups/read',
    versions: RESOURCES,
  },
  ListResourceGroups: {
    type: 'Microsoft.Resources/resourceGroups',
    action: 'Microsoft.Resources/subscriptions/resourceGroups/read',
    versions: RESOURCES,
  },
  GetDisk: compute('disks', 'read', DISKS),
  PutDisk: compute('disks', 'write', DISKS),
  PatchDisk: compute('disks', 'write', DISKS),
  DeleteDisk: compute('disks', 'delete', DISKS),
  BeginGetAccess: compute('disks', 'beginGetAccess/action', DISKS),
  EndGetAccess: compute('disks', 'endGetAccess/action', DISKS),
  GetImage: compute('images', 'read', IMAGES),
  PutImage: compute('images', 'write', IMAGES),
  DeleteImage: compute('images', 'delete', IMAGES),
  GetGallery: compute('galleries', 'read', GALLERIES),
  PutGallery: compute('galleries', 'write', GALLERIES),
  GetGalleryImage: compute('galleries/images', 'read', GALLERIES),
  PutGalleryImage: compute('galleries/images', 'write', GALLERIES),
  GetGalleryImageVersion: compute('galleries/images/versions', 'read', GALLERIES),
  PutGalleryImageVersion: compute('galleries/images/versions', 'write', GALLERIES),
  DeleteGalleryImageVersion: compute('galleries/images/versions', 'delete', GALLERIES),
  ListStorageAccounts: {
    type: 'Microsoft.Storage/storageAccounts',
    action: 'Microsoft.Storage/storageAccounts/read',
    versions: STORAGE,
  },
  GetStorageAccount: {
    type: 'Microsoft.Storage/storageAccounts',
    action: 'Microsoft.Storage/storageAccounts/read',
    versions: STORAGE,
  },
  ListContainers: {
    type: 'Microsoft.Storage/storageAccounts/blobServices/containers',
    action: 'Microsoft.Storage/storageAccounts/blobServices/containers/read',
    versions: STORAGE,
  },
};

/** The action that the identity needs; undefined if none. */
export function actionOf(operation: ArmOperation): string | undefined {
  return NEEDS[operation]?.action;
}

/** The namespace that must be registered; undefined if none. */
export function providerOf(operation: ArmOperation): string | undefined {
  const namespace = NEEDS[operation]?.type.split('/', 1)[0];
  return namespace === 'Microsoft.Resources' ? undefined : namespace;
}

/** Throws 400 unless the request names a version of the API that its type of resource has. */
export function checkApiVersion({ operation, query }: ArmRequest): void {
  const version = query.get('api-version');
  if (version === undefined || version === '') {
    throw badRequest(
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  const needs = NEEDS[operation];
  if (needs === undefined || needs.versions.includes(version)) return;
  const supported = needs.versions.join(', ');
  if (!/^20\d\d-\d\d-\d\d$/.test(version)) {
    throw badRequest(
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${supported}'.`,
    );
  }
  throw badRequest(
    'NoRegisteredProviderFound',
    `No registered resource provider found for API version '${version}' for type '${needs.type}'. The supported api-versions are '${supported}'.`,
  );
}
