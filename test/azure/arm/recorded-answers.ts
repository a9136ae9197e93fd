// What the service answered in public recordings, as facts: statuses, headers that matter, and the fields of bodies. Ids, names and
// signatures are placeholders. Sources: Azure/azure-cli, command_modules/vm/tests/latest/recordings: test_vm_disk_upload.yaml
// (2023-04-02), test_vm_large_disk.yaml (2018-09-30), test_vm_custom_image.yaml, test_gallery_e2e.yaml.
import type { Reply } from './scripted-arm.ts';

export const GROUP = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg';
const OPERATIONS = '/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Compute/locations/westus';

/** The recordings contain no request ids, but these headers. */
const WITHOUT_IDS = { 'x-ms-request-id': '' };
const LIMIT = (name: string) => ({
  ...WITHOUT_IDS,
  'x-ms-ratelimit-remaining-resource': `Microsoft.Compute/${name}3Min;2999,Microsoft.Compute/${name}30Min;24999`,
});

/** The signature of a poll URL has about 3 KB. */
const SIGNATURE = `t=638348572813941099&c=${'MIIHHjCCBgagAwIBAgITfwI8'.repeat(100)}&s=${'X5E4RfIb5qs3AgsV'.repeat(21)}&h=Z9QQEra9k9krMd8966td9qfltTR3EBW8Uw0O8RwEiaE`;

export interface RecordedOperation {
  /** Path and query. */
  readonly status: string;
  readonly location: string;
  accepted(origin: string, body?: unknown): Reply;
}

function operation(kind: string, id: string, apiVersion: string, limit: string, signature: string): RecordedOperation {
  const path = `${OPERATIONS}/${kind}/${id}`;
  const end = `api-version=${apiVersion}${signature === '' ? '' : `&${signature}`}`;
  const [status, location] = [`${path}?p=1&${end}`, `${path}?p=1&monitor=true&${end}`];
  return {
    status,
    location,
    accepted: (origin, body) => ({
      status: 202,
      headers: { ...LIMIT(limit), 'azure-asyncoperation': origin + status, location: origin + location },
      ...(body === undefined ? {} : { body }),
    }),
  };
}

export const CREATE = operation('DiskOperations', 'create', '2023-04-02', 'CreateUpdateDisks', SIGNATURE);
export const GRANT = operation('DiskOperations', 'grant', '2018-09-30', 'HighCostDiskHydrate', '');
export const REVOKE = operation('DiskOperations', 'revoke', '2018-09-30', 'HighCostDiskHydrate', '');
export const DELETE = operation('DiskOperations', 'delete', '2023-01-02', 'DeleteDisks', '');

const DISK_ID = `${GROUP}/providers/Microsoft.Compute/disks/disk1`;
const UNIQUE_ID = '00000000-0000-0000-0000-0000000000f1';

export const DISK_REQUEST = {
  location: 'westus',
  tags: {},
  sku: { name: 'Premium_LRS' },
  properties: { creationData: { createOption: 'Upload', uploadSizeBytes: 21474836992 } },
};

/** The body of the 202: no state and no unique id. */
export const DISK_ACCEPTED = {
  name: 'disk1',
  id: DISK_ID,
  type: 'Microsoft.Compute/disks',
  location: 'westus',
  tags: {},
  sku: { name: 'Premium_LRS' },
  properties: { creationData: { createOption: 'Upload', uploadSizeBytes: 21474836992 }, provisioningState: 'Updating' },
};

export const DISK_READY = {
  ...DISK_ACCEPTED,
  sku: { name: 'Premium_LRS', tier: 'Premium' },
  properties: {
    creationData: { createOption: 'Upload', uploadSizeBytes: 21474836992 },
    diskIOPSReadWrite: 120,
    diskMBpsReadWrite: 25,
    encryption: { type: 'EncryptionAtRestWithPlatformKey' },
    networkAccessPolicy: 'AllowAll',
    publicNetworkAccess: 'Enabled',
    timeCreated: '2023-11-06T08:48:01.2914481+00:00',
    provisioningState: 'Succeeded',
    diskState: 'ReadyToUpload',
    uniqueId: UNIQUE_ID,
    tier: 'P4',
  },
};

/** 2018: neither a unique id nor a size in the creation data. */
export const DISK_UNATTACHED_2018 = {
  sku: { name: 'Premium_LRS', tier: 'Premium' },
  properties: {
    hyperVGeneration: 'V2',
    creationData: { createOption: 'Upload' },
    diskSizeGB: 1,
    diskIOPSReadWrite: 120,
    diskMBpsReadWrite: 25,
    timeCreated: '2019-04-16T21:19:16.2265826+00:00',
    provisioningState: 'Succeeded',
    diskState: 'Unattached',
  },
  type: 'Microsoft.Compute/disks',
  location: 'westus',
  tags: {},
  id: DISK_ID,
  name: 'disk1',
};

export const SAS_URL =
  'https://md-impexp-xxxxxxxxxxxx.blob.core.windows.net/xxxxxxxxxxxx/abcd?sv=2017-04-17&sr=b&si=00000000-0000-0000-0000-0000000000e1&sig=Zm9yIHRlc3RzIG9ubHkgZm9yIHRlc3RzIG9ubHkhISE%3D';

/** 27 seconds passed between the two. */
export const GRANT_SUCCEEDED: Reply = {
  status: 200,
  headers: LIMIT('GetOperation'),
  body: {
    startTime: '2019-04-16T21:19:47.8709843+00:00',
    endTime: '2019-04-16T21:20:15.3087677+00:00',
    status: 'Succeeded',
    properties: { output: { accessSAS: SAS_URL } },
    name: 'grant',
  },
};

export const CREATE_SUCCEEDED: Reply = {
  status: 200,
  headers: LIMIT('GetOperation'),
  body: {
    startTime: '2023-11-06T08:48:01.2914481+00:00',
    endTime: '2023-11-06T08:48:01.369574+00:00',
    status: 'Succeeded',
    properties: { output: DISK_READY },
    name: 'create',
  },
};

/** Without `properties`. */
export const REVOKE_SUCCEEDED: Reply = {
  status: 200,
  headers: LIMIT('GetOperation'),
  body: {
    startTime: '2019-04-16T21:20:19.5431896+00:00',
    endTime: '2019-04-16T21:20:20.4338047+00:00',
    status: 'Succeeded',
    name: 'revoke',
  },
};

export const NOT_FOUND: Reply = {
  status: 404,
  headers: { ...WITHOUT_IDS, 'x-ms-failure-cause': 'gateway' },
  body: {
    error: {
      code: 'ResourceNotFound',
      message: "The Resource 'Microsoft.Compute/disks/disk1' under resource group 'rg' was not found.",
    },
  },
};

/** An image made of a disk still in upload. */
export const IMAGE_OF_UNFINISHED_DISK: Reply = {
  status: 200,
  headers: LIMIT('GetOperation'),
  body: {
    startTime: '2019-08-20T09:00:00+00:00',
    endTime: '2019-08-20T09:00:01+00:00',
    status: 'Failed',
    error: { code: 'InternalExecutionError', message: 'An internal execution error occurred.' },
    name: 'image',
  },
};

export const INVALID_VHD = {
  error: {
    code: 'InvalidVhd',
    message:
      "The specified cookie value in VHD footer indicates that disk 'abcd' with blob https://md-impexp-xxxxxxxxxxxx.blob.core.windows.net:8443/xxxxxxxxxxxx/abcd is not a supported VHD. Disk is expected to have cookie value 'conectix'.",
  },
};

/** 201 and only the status header. */
export function imageAccepted(origin: string, kind: 'operations' | 'capsOperations', body: unknown): Reply {
  const path = `${OPERATIONS}/${kind}/image?p=1&api-version=2024-11-01`;
  return { status: 201, body, headers: { ...LIMIT('CreateImages'), 'azure-asyncoperation': origin + path } };
}

export function imageStatus(kind: 'operations' | 'capsOperations'): string {
  return `${OPERATIONS}/${kind}/image`;
}
