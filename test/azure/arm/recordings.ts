// Whole exchanges with the service from public recordings, in their order, as facts: methods, paths, statuses, the headers that matter,
// and the fields of bodies. Ids, names of groups and accounts, signatures and most times are placeholders.
// Each recording names its file. The repositories are Azure/azure-cli (src/azure-cli/azure/cli/command_modules/vm/tests/latest/recordings),
// Azure/azure-powershell (src/Compute/Compute.Test/SessionRecords) and Azure/azure-sdk-assets.
import type { Reply } from './scripted-arm.ts';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000000';
export const GROUP = `${SUBSCRIPTION}/resourceGroups/rg`;

/** One request and its answer. */
export interface Exchange {
  /** Method, path and query. */
  readonly request: string;
  /** The body of the request. @default none */
  readonly body?: unknown;
  /** Addresses in its headers begin with a slash: the server puts its own origin before them. */
  readonly reply: Reply;
  /** Why vhdup leaves this request out. @default it sends it */
  readonly leftOut?: string;
  /** What the recording does not contain, and vhdup sends: the answer is that of another exchange. @default recorded */
  readonly added?: string;
  /** What the query of vhdup has instead. @default that of the recording */
  readonly otherQuery?: string;
}

export interface Recording {
  /** The file, and what made the requests. */
  readonly source: string;
  /** Of the resource that the recording is about. */
  readonly apiVersion: string;
  readonly exchanges: readonly Exchange[];
}

const NEEDS_NO_LOCATION = 'the status of the operation contains the result already';
const OF_THE_TOOL = 'the recorded tool asks for its own purposes';

/** The two addresses of an operation on a disk. */
function operation(location: string, id: string, query: string) {
  const path = `${SUBSCRIPTION}/providers/Microsoft.Compute/locations/${location}/DiskOperations/${id}`;
  return {
    status: `${path}?${query}`,
    location: `${path}?${query.replace('api-version', 'monitor=true&api-version')}`,
  };
}

type Operation = ReturnType<typeof operation>;

/** 202 with both addresses. */
function accepted({ status, location }: Operation, body?: unknown, retryAfter?: string): Reply {
  return {
    status: 202,
    headers: {
      'azure-asyncoperation': status,
      location,
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    },
    ...(body === undefined ? {} : { body }),
  };
}

/** The status of an operation that has ended. @param properties - As recorded; absent if the operation has no result. */
function succeeded(name: string, properties?: unknown): Reply {
  const times = { startTime: '2023-11-06T08:48:01.2914481+00:00', endTime: '2023-11-06T08:48:01.369574+00:00' };
  return {
    status: 200,
    body: { ...times, status: 'Succeeded', ...(properties === undefined ? {} : { properties }), name },
  };
}

function found(body: unknown): Reply {
  return { status: 200, body };
}

function group(location: string): Reply {
  return found({
    id: GROUP,
    name: 'rg',
    type: 'Microsoft.Resources/resourceGroups',
    location,
    tags: {},
    properties: { provisioningState: 'Succeeded' },
  });
}

function sasUrl(account: string): string {
  const query = 'sv=2018-03-28&sr=b&si=00000000-0000-0000-0000-0000000000e1';
  return `https://${account}/xxxxxxxxxxxx/abcd?${query}&sig=Zm9yIHRlc3RzIG9ubHkgZm9yIHRlc3RzIG9ubHkhISE%3D`;
}

const disk = (name: string) => `${GROUP}/providers/Microsoft.Compute/disks/${name}`;

/** The signature of the addresses has about 3 KB since 2023. */
const SIGNATURE = `t=638348572813941099&c=${'MIIHHjCCBgagAwIBAgITfwI8'.repeat(100)}&s=${'X5E4RfIb5qs3AgsV'.repeat(21)}&h=Z9QQEra9k9krMd8966td9qfltTR3EBW8Uw0O8RwEiaE`;

const UPLOAD_BODY = {
  location: 'westus',
  tags: {},
  sku: { name: 'Premium_LRS' },
  properties: { creationData: { createOption: 'Upload', uploadSizeBytes: 21_474_836_992 } },
};
const UPLOAD_DISK = {
  name: 'disk1',
  id: disk('disk1'),
  type: 'Microsoft.Compute/disks',
  location: 'westus',
  tags: {},
  sku: { name: 'Premium_LRS', tier: 'Premium' },
  properties: {
    ...UPLOAD_BODY.properties,
    diskIOPSReadWrite: 120,
    diskMBpsReadWrite: 25,
    encryption: { type: 'EncryptionAtRestWithPlatformKey' },
    networkAccessPolicy: 'AllowAll',
    publicNetworkAccess: 'Enabled',
    timeCreated: '2023-11-06T08:48:01.2914481+00:00',
    provisioningState: 'Succeeded',
    diskState: 'ReadyToUpload',
    uniqueId: '00000000-0000-0000-0000-0000000000f1',
    tier: 'P4',
  },
};
const CREATE_2023 = operation('westus', 'create', `p=1&api-version=2023-04-02&${SIGNATURE}`);

/** A disk for an upload of 20 GiB. */
export const DISK_UPLOAD: Recording = {
  source: 'azure-cli test_vm_disk_upload.yaml: az disk create --for-upload, 2023',
  apiVersion: '2023-04-02',
  exchanges: [
    {
      request: `GET ${SUBSCRIPTION}/resourcegroups/rg?api-version=2024-11-01`,
      reply: group('westus'),
      otherQuery: 'api-version=2022-09-01',
    },
    {
      request: `PUT ${disk('disk1')}?api-version=2023-04-02`,
      body: UPLOAD_BODY,
      reply: accepted(CREATE_2023, {
        ...UPLOAD_BODY,
        name: 'disk1',
        id: disk('disk1'),
        type: 'Microsoft.Compute/disks',
        properties: { ...UPLOAD_BODY.properties, provisioningState: 'Updating' },
      }),
    },
    { request: `GET ${CREATE_2023.status}`, reply: succeeded('create', { output: UPLOAD_DISK }) },
    { request: `GET ${disk('disk1')}?api-version=2023-04-02`, reply: found(UPLOAD_DISK) },
  ],
};

const V2018 = 'api-version=2018-09-30';
const [CREATE_2018, GRANT_2018, REVOKE_2018] = ['create', 'grant', 'revoke'].map((id) =>
  operation('westus', id, V2018),
) as [Operation, Operation, Operation];
const BODY_2018 = {
  location: 'westus',
  tags: {},
  sku: { name: 'Premium_LRS' },
  properties: { hyperVGeneration: 'V2', creationData: { createOption: 'Upload' }, diskSizeGB: 1 },
};
/** Neither a unique id nor an upload size. */
const disk2018 = (diskState: string) => ({
  sku: { name: 'Premium_LRS', tier: 'Premium' },
  properties: {
    ...BODY_2018.properties,
    diskIOPSReadWrite: 120,
    diskMBpsReadWrite: 25,
    timeCreated: '2019-04-16T21:19:16.2265826+00:00',
    provisioningState: 'Succeeded',
    diskState,
  },
  type: 'Microsoft.Compute/disks',
  location: 'westus',
  tags: {},
  id: disk('d1'),
  name: 'd1',
});
const SAS_2018 = { accessSAS: sasUrl('md-impexp-xxxxxxxxxxxx.blob.core.windows.net') };

/** Create, grant write access (27 seconds), end the access to a disk that nobody wrote to. */
export const UPLOAD_CYCLE: Recording = {
  source: 'azure-cli test_vm_large_disk.yaml: az disk create, grant-access, revoke-access, snapshot create, 2019',
  apiVersion: '2018-09-30',
  exchanges: [
    {
      request: `PUT ${disk('d1')}?${V2018}`,
      body: BODY_2018,
      // No id.
      reply: accepted(CREATE_2018, {
        ...BODY_2018,
        properties: { ...BODY_2018.properties, provisioningState: 'Updating', isArmResource: true },
        name: 'd1',
      }),
    },
    { request: `GET ${CREATE_2018.status}`, reply: succeeded('create', { output: disk2018('ReadyToUpload') }) },
    { request: `GET ${disk('d1')}?${V2018}`, reply: found(disk2018('ReadyToUpload')) },
    {
      request: `POST ${disk('d1')}/beginGetAccess?${V2018}`,
      body: { access: 'Write', durationInSeconds: 3600 },
      reply: accepted(GRANT_2018),
    },
    { request: `GET ${GRANT_2018.status}`, reply: succeeded('grant', { output: SAS_2018 }) },
    { request: `GET ${GRANT_2018.location}`, reply: found(SAS_2018), leftOut: NEEDS_NO_LOCATION },
    { request: `POST ${disk('d1')}/endGetAccess?${V2018}`, reply: accepted(REVOKE_2018) },
    { request: `GET ${REVOKE_2018.status}`, reply: succeeded('revoke') },
    { request: `GET ${REVOKE_2018.location}`, reply: { status: 200 }, leftOut: NEEDS_NO_LOCATION },
    {
      request: `GET ${GROUP}/providers/Microsoft.Compute/snapshots/d1?${V2018}`,
      reply: { status: 404 },
      leftOut: OF_THE_TOOL,
    },
    { request: `GET ${disk('d1')}?${V2018}`, reply: found(disk2018('Unattached')) },
  ],
};

const V2019 = 'api-version=2019-03-01';
const [LARGEST, UPDATE_2019] = ['largest', 'update'].map((id) => operation('eastus', id, V2019)) as [
  Operation,
  Operation,
];
export const LARGEST_UPLOAD = 35_183_298_347_520;
const LARGEST_CREATION = { createOption: 'Upload', uploadSizeBytes: LARGEST_UPLOAD };
const LARGEST_BODY = {
  sku: { name: 'Standard_LRS' },
  properties: { osType: 'Windows', creationData: LARGEST_CREATION },
  location: 'East US',
  tags: {},
};
const LARGEST_RATES = { diskIOPSReadWrite: 2000, diskMBpsReadWrite: 500 };
const LARGEST_DISK = {
  name: 'disk1',
  id: disk('disk1'),
  type: 'Microsoft.Compute/disks',
  location: 'eastus',
  tags: {},
  sku: { name: 'Standard_LRS', tier: 'Standard' },
  properties: {
    ...LARGEST_BODY.properties,
    ...LARGEST_RATES,
    timeCreated: '2019-09-17T22:42:35.3639285-07:00',
    provisioningState: 'Succeeded',
    diskState: 'ReadyToUpload',
    uniqueId: '00000000-0000-0000-0000-0000000000f2',
  },
};

/** The largest upload: 32,767 GiB and a footer. The second PUT shows that a disk that waits for its upload can be updated. */
export const LARGEST_DISK_UPLOAD: Recording = {
  source: 'azure-powershell DiskRPTests/TestDiskUpload.json: New-AzDisk, Get-AzDisk, Update-AzDisk, 2019',
  apiVersion: '2019-03-01',
  exchanges: [
    {
      request: `PUT ${disk('disk1')}?${V2019}`,
      body: LARGEST_BODY,
      reply: accepted(
        LARGEST,
        {
          ...LARGEST_BODY,
          name: 'disk1',
          properties: { ...LARGEST_BODY.properties, provisioningState: 'Updating', isArmResource: true },
        },
        '2',
      ),
    },
    { request: `GET ${LARGEST.status}`, reply: succeeded('largest', { output: LARGEST_DISK }) },
    { request: `GET ${disk('disk1')}?${V2019}`, reply: found(LARGEST_DISK) },
    { request: `GET ${disk('disk1')}?${V2019}`, reply: found(LARGEST_DISK) },
    {
      request: `PUT ${disk('disk1')}?${V2019}`,
      body: { ...LARGEST_BODY, properties: { ...LARGEST_BODY.properties, ...LARGEST_RATES }, location: 'eastus' },
      reply: accepted(
        UPDATE_2019,
        {
          ...LARGEST_BODY,
          name: 'disk1',
          location: 'eastus',
          properties: {
            ...LARGEST_BODY.properties,
            diskSizeGB: 32_767,
            provisioningState: 'Updating',
            isArmResource: true,
          },
        },
        '2',
      ),
    },
    { request: `GET ${UPDATE_2019.status}`, reply: succeeded('update', { output: LARGEST_DISK }) },
    { request: `GET ${disk('disk1')}?${V2019}`, reply: found(LARGEST_DISK) },
    { request: `GET ${disk('disk1')}?${V2019}`, reply: found(LARGEST_DISK), leftOut: OF_THE_TOOL },
  ],
};

const V2023 = 'api-version=2023-01-02';
const [EMPTY, PATCH, EXPORT, END_EXPORT, DELETE] = ['create', 'patch', 'grant', 'revoke', 'delete'].map((id) =>
  operation('eastus', id, `p=1&${V2023}`),
) as [Operation, Operation, Operation, Operation, Operation];
const EMPTY_BODY = { location: 'eastus', properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 200 } };
const EMPTY_DISK = {
  name: 'disk2',
  id: disk('disk2'),
  type: 'Microsoft.Compute/disks',
  location: 'eastus',
  sku: { name: 'Standard_LRS', tier: 'Standard' },
  properties: {
    ...EMPTY_BODY.properties,
    diskIOPSReadWrite: 500,
    diskMBpsReadWrite: 60,
    encryption: { type: 'EncryptionAtRestWithPlatformKey' },
    networkAccessPolicy: 'AllowAll',
    publicNetworkAccess: 'Enabled',
    timeCreated: '2023-02-21T09:47:33.1295895+00:00',
    provisioningState: 'Succeeded',
    diskState: 'Unattached',
    diskSizeBytes: 214_748_364_800,
    uniqueId: '00000000-0000-0000-0000-0000000000f3',
  },
};
const EXPORT_SAS = { accessSAS: sasUrl('md-hdd-xxxxxxxxxxxx.z47.blob.storage.azure.net') };

/** Create, update, grant read access (0.3 seconds), end it, delete. Two lists of disks are not kept here. */
export const DISK_EXPORT: Recording = {
  source: 'azure-sdk-assets go/sdk/resourcemanager/compute/armcompute/testdata/recordings/TestDiskTestSuite.json, 2023',
  apiVersion: '2023-01-02',
  exchanges: [
    {
      request: `PUT ${SUBSCRIPTION}/resourcegroups/rg?api-version=2021-04-01`,
      body: { location: 'eastus' },
      reply: { ...group('eastus'), status: 201 },
      leftOut: OF_THE_TOOL,
    },
    {
      request: `PUT ${disk('disk2')}?${V2023}`,
      body: EMPTY_BODY,
      reply: accepted(
        EMPTY,
        {
          ...EMPTY_BODY,
          name: 'disk2',
          id: disk('disk2'),
          type: 'Microsoft.Compute/disks',
          properties: { ...EMPTY_BODY.properties, provisioningState: 'Updating' },
        },
        '2',
      ),
    },
    { request: `GET ${EMPTY.status}`, reply: succeeded('create', { output: EMPTY_DISK }) },
    { request: `GET ${disk('disk2')}?${V2023}`, reply: found(EMPTY_DISK) },
    { request: `GET ${disk('disk2')}?${V2023}`, reply: found(EMPTY_DISK) },
    {
      request: `PATCH ${disk('disk2')}?${V2023}`,
      body: { properties: { networkAccessPolicy: 'AllowAll' } },
      reply: accepted(
        PATCH,
        {
          ...EMPTY_DISK,
          properties: { ...EMPTY_BODY.properties, networkAccessPolicy: 'AllowAll', provisioningState: 'Updating' },
        },
        '2',
      ),
    },
    { request: `GET ${PATCH.status}`, reply: succeeded('patch', { output: EMPTY_DISK }) },
    { request: `GET ${disk('disk2')}?${V2023}`, reply: found(EMPTY_DISK) },
    {
      request: `POST ${disk('disk2')}/beginGetAccess?${V2023}`,
      body: { access: 'Read', durationInSeconds: 300 },
      reply: accepted(EXPORT),
    },
    { request: `GET ${EXPORT.status}`, reply: succeeded('grant', { output: EXPORT_SAS }) },
    { request: `GET ${EXPORT.location}`, reply: found(EXPORT_SAS), leftOut: NEEDS_NO_LOCATION },
    { request: `POST ${disk('disk2')}/endGetAccess?${V2023}`, reply: accepted(END_EXPORT) },
    { request: `GET ${END_EXPORT.status}`, reply: succeeded('revoke') },
    { request: `GET ${END_EXPORT.location}`, reply: { status: 200 }, leftOut: NEEDS_NO_LOCATION },
    {
      request: `GET ${disk('disk2')}?${V2023}`,
      reply: found(EMPTY_DISK),
      added: 'vhdup looks whether nobody has access any more',
    },
    { request: `DELETE ${disk('disk2')}?${V2023}`, reply: accepted(DELETE) },
    { request: `GET ${DELETE.status}`, reply: succeeded('delete') },
  ],
};

const V2021 = 'api-version=2021-12-01';
const [SMALL, RESIZE, GRANT_2021] = ['create', 'resize', 'grant'].map((id) =>
  operation('westus', id, `p=1&${V2021}`),
) as [Operation, Operation, Operation];
const SMALL_BODY = {
  location: 'westus',
  tags: { tag1: 'd1' },
  sku: { name: 'Premium_LRS' },
  properties: { hyperVGeneration: 'V1', creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
};
const RESIZE_BODY = {
  ...SMALL_BODY,
  sku: { name: 'Standard_LRS' },
  properties: {
    ...SMALL_BODY.properties,
    diskSizeGB: 10,
    diskIOPSReadWrite: 120,
    diskMBpsReadWrite: 25,
    encryption: { type: 'EncryptionAtRestWithPlatformKey' },
    networkAccessPolicy: 'AllowAll',
    tier: 'P1',
    publicNetworkAccess: 'Enabled',
  },
};
const smallDisk = (change: object, sku = { name: 'Standard_LRS', tier: 'Standard' }) => ({
  name: 'd1',
  id: disk('d1'),
  type: 'Microsoft.Compute/disks',
  location: 'westus',
  tags: { tag1: 'd1' },
  sku,
  properties: {
    ...SMALL_BODY.properties,
    diskSizeGB: 10,
    diskIOPSReadWrite: 500,
    diskMBpsReadWrite: 60,
    encryption: { type: 'EncryptionAtRestWithPlatformKey' },
    networkAccessPolicy: 'AllowAll',
    publicNetworkAccess: 'Enabled',
    timeCreated: '2022-05-18T08:55:30.1767115+00:00',
    provisioningState: 'Succeeded',
    diskState: 'Unattached',
    diskSizeBytes: 10_737_418_240,
    uniqueId: '00000000-0000-0000-0000-0000000000f4',
    ...change,
  },
});
const NEW_SMALL_DISK = smallDisk(
  { diskSizeGB: 1, diskIOPSReadWrite: 120, diskMBpsReadWrite: 25, diskSizeBytes: 1_073_741_824, tier: 'P1' },
  { name: 'Premium_LRS', tier: 'Premium' },
);
const SAS_2021 = { accessSAS: sasUrl('md-hdd-xxxxxxxxxxxx.z36.blob.storage.azure.net') };

/** Create, resize and change the type, grant read access; then the state of the disk while somebody may read it. */
export const DISK_IN_USE: Recording = {
  source: 'azure-cli test_vm_managed_disk.yaml: az disk create, update, grant-access, snapshot create, 2022',
  apiVersion: '2021-12-01',
  exchanges: [
    {
      request: `GET ${SUBSCRIPTION}/resourcegroups/rg?api-version=2021-04-01`,
      reply: group('westus'),
      otherQuery: 'api-version=2022-09-01',
    },
    {
      request: `PUT ${disk('d1')}?${V2021}`,
      body: SMALL_BODY,
      reply: accepted(SMALL, {
        ...SMALL_BODY,
        name: 'd1',
        properties: { ...SMALL_BODY.properties, provisioningState: 'Updating', isArmResource: true },
      }),
    },
    { request: `GET ${SMALL.status}`, reply: succeeded('create', { output: NEW_SMALL_DISK }) },
    { request: `GET ${disk('d1')}?${V2021}`, reply: found(NEW_SMALL_DISK) },
    { request: `GET ${disk('d1')}?${V2021}`, reply: found(NEW_SMALL_DISK) },
    {
      request: `PUT ${disk('d1')}?${V2021}`,
      body: RESIZE_BODY,
      reply: accepted(RESIZE, {
        ...RESIZE_BODY,
        name: 'd1',
        properties: { ...SMALL_BODY.properties, diskSizeGB: 10, provisioningState: 'Updating', isArmResource: true },
      }),
    },
    { request: `GET ${RESIZE.status}`, reply: succeeded('resize', { output: smallDisk({}) }) },
    { request: `GET ${disk('d1')}?${V2021}`, reply: found(smallDisk({})) },
    {
      request: `POST ${disk('d1')}/beginGetAccess?${V2021}`,
      body: { access: 'Read', durationInSeconds: 10 },
      reply: accepted(GRANT_2021),
    },
    { request: `GET ${GRANT_2021.status}`, reply: succeeded('grant', { output: SAS_2021 }) },
    { request: `GET ${GRANT_2021.location}`, reply: found(SAS_2021), leftOut: NEEDS_NO_LOCATION },
    {
      request: `GET ${disk('missing')}?${V2021}`,
      added: 'the recording asks for a snapshot that does not exist',
      reply: {
        status: 404,
        headers: { 'x-ms-failure-cause': 'gateway' },
        body: {
          error: {
            code: 'ResourceNotFound',
            message:
              "The Resource 'Microsoft.Compute/disks/missing' under resource group 'rg' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
          },
        },
      },
    },
    { request: `GET ${disk('d1')}?${V2021}`, reply: found(smallDisk({ diskState: 'ActiveSAS' })) },
  ],
};
