import { describe, expect, it } from 'vitest';
import { armFailure, type FailedArmAnswer } from '../../../src/azure/arm/arm-failure.ts';
import {
  CredentialError,
  DestinationError,
  InUseError,
  ServiceError,
  VerificationError,
  type VhdupError,
} from '../../../src/errors.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-00000000000a';
const PRINCIPAL = '66666666-7777-8888-9999-000000000000';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`;
const PATH = `${GROUP}/providers/Microsoft.Compute/disks/web01`;

function failure(
  status: FailedArmAnswer['status'],
  error: { code: string; message?: string; [name: string]: unknown } | undefined,
  more: Partial<FailedArmAnswer> = {},
): VhdupError {
  const body = error === undefined ? undefined : { error };
  return armFailure({ what: 'Create disk web01', path: PATH }, { status, body, requestId: 'request-1', ...more });
}

describe('armFailure', () => {
  it('names what failed, the status, the innermost code, the message and the request id', () => {
    const error = failure(400, {
      code: 'A',
      message: 'a',
      details: [{ code: 'InvalidParameter', message: 'Wrong.\r\n Size.', target: 'x' }],
    });
    expect(error.message).toBe('Create disk web01 failed: 400 InvalidParameter, Wrong. Size (request id request-1).');
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({ reason: 'InvalidParameter', exitCode: 6 });
  });

  it('counts further errors', () => {
    const details = [
      { code: 'X', message: 'x' },
      { code: 'Y', message: 'y' },
    ];
    expect(failure(400, { code: 'A', details }).message).toContain('400 X, x (and 1 more) (request id request-1).');
  });

  it('has no status for an operation that failed', () => {
    expect(failure('operation', { code: 'Odd', message: 'It failed.' }, { requestId: undefined }).message).toBe(
      'Create disk web01 failed: Odd, It failed.',
    );
  });

  it('uses the status if there is no error', () => {
    expect(failure(500, undefined)).toMatchObject({
      message: 'Create disk web01 failed: HTTP 500 (request id request-1).',
      failure: { status: 500, reason: 'HTTP 500', transient: true },
    });
  });

  it('makes foreign text safe, and shortens it', () => {
    const message = `\u001b[31m${'x'.repeat(5000)}`;
    const shown = failure(400, { code: 'Bad\u001bCode', message }, { requestId: '\u202e1' }).message;
    expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(shown.length).toBeLessThan(1000);
  });

  it('contains no secret, also if the message is cut', () => {
    const message = `${'x '.repeat(290)} https://md-1.blob.core.windows.net/a/abcd?si=0f0f0f0f-1111&sig=c2VjcmV0c2VjcmV0`;
    const shown = failure(400, { code: 'InvalidVhdX', message }).message;
    expect(shown).not.toContain('0f0f0f0f');
    expect(shown).not.toContain('c2Vj');
  });
});

describe('armFailure, transient', () => {
  it.each([
    [408, 'RequestTimeout'],
    [429, 'OperationNotAllowed'],
    [429, 'AuthorizationFailed'],
    [500, 'InternalServerError'],
    [502, 'BadGateway'],
    [503, 'ServerBusy'],
    [504, 'GatewayTimeout'],
    [500, undefined],
  ])('is %i %s without a limit', (status, code) => {
    const error = failure(status, code === undefined ? undefined : { code, message: 'Later.' });
    expect(error).toBeInstanceOf(ServiceError);
    const { failure: details } = error as ServiceError;
    expect(details).toMatchObject({ transient: true, status });
    expect(details.limit).toBeUndefined();
  });

  it.each([
    [409, 'RetryableError'],
    [409, 'RetryableErrorDueToAnotherOperation'],
    [400, 'AnotherOperationInProgress'],
    [409, 'OperationPreempted'],
    ['operation', 'OperationPreempted'],
    [409, 'AttachDiskWhileBeingDetached'],
    [409, 'Conflict'],
    [409, 'Unknown'],
    [500, 'InternalExecutionError'],
    ['operation', 'InternalServerError'],
    ['operation', 'OperationLost'],
  ] as const)('is %s %s with a limit', (status, code) => {
    const { failure: details } = failure(status, { code, message: 'Another operation.' }) as ServiceError;
    expect(details).toMatchObject({ transient: true, reason: code });
    expect(details.limit).toBeDefined();
  });

  it('blames the disk, not the service, for a conflict that does not end', () => {
    expect(failure(409, { code: 'Conflict' })).toMatchObject({ failure: { isDestination: true } });
    expect(failure(500, { code: 'X' })).not.toMatchObject({ failure: { isDestination: true } });
  });

  it('keeps the pause that the service asks for', () => {
    expect(failure(429, { code: 'X' }, { retryAfter: '17' })).toMatchObject({ failure: { retryAfterMs: 17_000 } });
  });
});

/** Status, code and message as the service sends them; the class, and what the message must contain. */
const PERMANENT: readonly (readonly [
  status: FailedArmAnswer['status'],
  error: { code: string; message: string; [name: string]: unknown },
  type: new (...args: never[]) => VhdupError,
  ...advice: string[],
])[] = [
  [
    403,
    {
      code: 'AuthorizationFailed',
      message: `The client 'app@example.com' with object id '${PRINCIPAL}' does not have authorization to perform action 'Microsoft.Compute/disks/write' over scope '${PATH}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    },
    CredentialError,
    `lacks the permission Microsoft.Compute/disks/write on ${PATH}.`,
    `az role assignment create --role "Contributor" --scope "${GROUP}" --assignee-object-id ${PRINCIPAL}.`,
  ],
  [
    403,
    {
      code: 'LinkedAuthorizationFailed',
      message: `The client has permission to perform action 'Microsoft.Compute/disks/write' on scope '${PATH}'; however, it does not have permission to perform action(s) 'Microsoft.Compute/diskEncryptionSets/read' on the linked scope(s) '${GROUP}/providers/Microsoft.Compute/diskEncryptionSets/des' or the linked scope(s) are invalid.`,
    },
    CredentialError,
    'lacks the permission Microsoft.Compute/diskEncryptionSets/read on',
    'diskEncryptionSets/des. The role "Reader"',
  ],
  [
    403,
    {
      code: 'AuthorizationFailed',
      message: `… action 'Microsoft.Compute/galleries/images/versions/write' over scope '${GROUP}/providers/Microsoft.Compute/galleries/g/images/d/versions/1.0.0'`,
    },
    CredentialError,
    '"Compute Gallery Artifacts Publisher"',
  ],
  [403, { code: 'Forbidden', message: 'No.' }, CredentialError, `on ${PATH}`, '"Contributor"', '--assignee USER'],
  [
    401,
    { code: 'ExpiredAuthenticationToken', message: 'The access token expiry UTC time …' },
    CredentialError,
    'az login',
    'clock',
  ],
  [
    401,
    { code: 'InvalidAuthenticationToken', message: 'The access token is invalid.' },
    CredentialError,
    'az login',
    '--arm-audience',
  ],
  [401, { code: 'InvalidAuthenticationTokenAudience', message: 'Wrong audience.' }, CredentialError, '--arm-audience'],
  [
    401,
    {
      code: 'InvalidAuthenticationTokenTenant',
      message: `The access token is from the wrong issuer 'https://sts.windows.net/${PRINCIPAL}/'. It must match the tenant 'https://sts.windows.net/11111111-2222-3333-4444-555555555555/' associated with this subscription.`,
    },
    CredentialError,
    'az login --tenant 11111111-2222-3333-4444-555555555555',
  ],
  [
    403,
    {
      code: 'RequestDisallowedByPolicy',
      message: "Resource 'web01' was disallowed by policy.",
      additionalInfo: [{ type: 'PolicyViolation', info: { policyDefinitionDisplayName: 'Allowed locations' } }],
    },
    DestinationError,
    'The policy "Allowed locations" of your organization forbids it.',
  ],
  [
    403,
    { code: 'RequestDisallowedByAzure', message: 'Users must use MFA for Create operation.' },
    DestinationError,
    'az logout',
    '--location',
  ],
  [
    409,
    { code: 'ScopeLocked', message: `The scope '${PATH}' cannot perform write operation …` },
    DestinationError,
    'az lock list --resource-group rg',
  ],
  [404, { code: 'SubscriptionNotFound', message: 'Not found.' }, DestinationError, 'az account list', '--tenant'],
  [400, { code: 'InvalidSubscriptionId', message: 'Malformed.' }, DestinationError, '--subscription'],
  [409, { code: 'ReadOnlyDisabledSubscription', message: 'Disabled.' }, DestinationError, 'disabled', '--subscription'],
  [
    409,
    {
      code: 'MissingSubscriptionRegistration',
      message: "The subscription is not registered to use namespace 'Microsoft.Compute'.",
    },
    DestinationError,
    `az provider register --namespace Microsoft.Compute --subscription ${SUBSCRIPTION} --wait`,
  ],
  [409, { code: 'SubscriptionNotRegistered', message: 'No.' }, DestinationError, '--namespace Microsoft.Compute '],
  [
    400,
    {
      code: 'NoRegisteredProviderFound',
      message: "No registered resource provider found for API version '2099-01-01'.",
    },
    ServiceError,
    '--api-version',
  ],
  [400, { code: 'InvalidApiVersionParameter', message: 'x' }, ServiceError, '--api-version'],
  [
    404,
    { code: 'ResourceGroupNotFound', message: "Resource group 'rg' could not be found." },
    DestinationError,
    'az group create --name rg',
  ],
  [409, { code: 'ResourceGroupBeingDeleted', message: 'x' }, DestinationError, 'being deleted'],
  [400, { code: 'LocationNotAvailableForResourceType', message: 'x' }, DestinationError, 'az account list-locations'],
  [
    409,
    {
      code: 'Conflict',
      message: 'See inner errors.',
      details: [{ code: 'SkuNotAvailable', message: 'Not in westus.' }],
    },
    DestinationError,
    '409 SkuNotAvailable, Not in westus',
    'az vm list-skus --resource-type disks',
  ],
  [400, { code: 'AvailabilityZoneNotSupported', message: 'x' }, DestinationError, '--zone'],
  [
    409,
    {
      code: 'OperationNotAllowed',
      message: 'results in exceeding approved Disks quota.',
      innererror: { code: 'QuotaExceeded' },
    },
    DestinationError,
    'az vm list-usage',
  ],
  [
    409,
    { code: 'OperationNotAllowed', message: 'It exceeds the approved quota.' },
    DestinationError,
    'az vm list-usage',
  ],
  [
    400,
    { code: 'InvalidVhd', message: "Disk is expected to have cookie value 'conectix'." },
    VerificationError,
    'conectix',
    'Nothing was deleted',
  ],
  [
    'operation',
    { code: 'InvalidVhd', message: "… cookie value 'conectix'." },
    VerificationError,
    'not all of the image arrived',
  ],
  [
    409,
    { code: 'PropertyChangeNotAllowed', message: 'x', target: 'creationData' },
    DestinationError,
    'of this name',
    `az resource show --ids "${PATH}"`,
  ],
  [409, { code: 'InvalidResourceLocation', message: 'It already exists in westus.' }, DestinationError, 'another name'],
  [409, { code: 'ChangeDiskSizeWhileActiveSasNotAllowed', message: 'x' }, InUseError, 'not finished'],
  [
    409,
    { code: 'OperationNotAllowed', message: 'There is an active shared access signature outstanding for disk web01.' },
    InUseError,
    'not finished',
  ],
  [409, { code: 'DiskInUse', message: 'x' }, InUseError, 'in use by a virtual machine'],
  [409, { code: 'OperationNotAllowed', message: 'Disk web01 is attached to VM vm1.' }, InUseError, 'detach the disk'],
  [409, { code: 'ConflictingUserInput', message: 'x' }, InUseError, 'detach the disk'],
  [
    400,
    { code: 'InvalidParameter', message: 'x', target: 'disk.properties.hyperVGeneration' },
    DestinationError,
    'Check --generation.',
  ],
  [400, { code: 'InvalidParameter', message: 'x', target: 'zones' }, DestinationError, 'Check --zone.'],
  [404, { code: 'ResourceNotFound', message: 'x' }, DestinationError, '--resource-group'],
  [400, { code: 'StorageAccountNotFound', message: 'x' }, DestinationError, 'az storage account list'],
  [404, { code: 'ParentResourceNotFound', message: 'x' }, DestinationError, 'does not exist'],
  [405, { code: 'MethodNotAllowed', message: 'x' }, ServiceError],
  [307, { code: 'Moved', message: 'x' }, ServiceError, 'does not follow'],
  ['operation', { code: 'InternalExecutionError', message: 'x' }, ServiceError, 'must be Unattached'],
  ['operation', { code: 'Canceled', message: 'x' }, ServiceError, 'Run the same command again'],
  ['operation', { code: 'Anything', message: 'x' }, ServiceError],
];

describe('armFailure, permanent', () => {
  it.each(PERMANENT.map((row) => [row[0], row[1].code, row] as const))(
    '%s %s ends at once',
    (_, __, [status, body, type, ...advice]) => {
      const error = failure(status, body);
      expect(error).toBeInstanceOf(type);
      if (error instanceof ServiceError) expect(error.failure.transient).toBe(false);
      for (const text of advice) expect(error.message).toContain(text);
    },
  );

  it('marks only an expired token as expired', () => {
    expect(failure(401, { code: 'ExpiredAuthenticationToken' })).toMatchObject({ isExpired: true });
    expect(failure(401, { code: 'InvalidAuthenticationToken' })).toMatchObject({ isExpired: false });
  });

  it('never repeats foreign text that a shell could misread inside a command', () => {
    const evil = "x'; rm -rf ~; '";
    const role = failure(403, {
      code: 'AuthorizationFailed',
      message: `action '$(reboot)' over scope '/a b;reboot' object id '${evil}'`,
    });
    expect(role.message.slice(role.message.indexOf('az role'))).not.toMatch(/reboot|rm -rf/);
    const provider = failure(409, { code: 'MissingSubscriptionRegistration', message: "use namespace '$(reboot)'" });
    expect(provider.message).toContain('--namespace Microsoft.Compute ');
    const tenant = failure(401, { code: 'InvalidAuthenticationTokenTenant', message: 'tenant $(reboot)' });
    expect(tenant.message).toContain('--tenant TENANT');
  });
});
