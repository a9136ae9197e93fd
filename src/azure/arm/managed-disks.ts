// Managed disks in Azure Resource Manager: create for upload, grant and end access, delete.
// Sources: REST, Disks; recordings of the service.
import { printable } from '../../base/printable.ts';
import { DestinationError, InUseError, ServiceError, UsageError } from '../../errors.ts';
import type { ArmClient, ArmRequest } from './arm-client.ts';
import { type JsonObject, objectIn, textIn } from './arm-error.ts';
import { unusableArmAnswer } from './arm-failure.ts';
import { tagsOf } from './disk-body.ts';
import { DiskSas } from './disk-sas.ts';
import { nameOf, pathOf, type ResourceId } from './resource-id.ts';

/** Used in public automation and in the sovereign clouds. */
const DISK_API_VERSION = '2025-01-02';

/** What the service reports about a disk. Undefined fields were not reported. */
export interface ManagedDisk {
  /** As the service writes it. */
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sku: string | undefined;
  /** ReadyToUpload, ActiveUpload, Unattached, Attached, Reserved, ActiveSAS, ... Not reported while the disk is created. */
  readonly diskState: string | undefined;
  /** Succeeded, Updating, Failed, ... */
  readonly provisioningState: string | undefined;
  /** Another disk of the same name has another one. */
  readonly uniqueId: string | undefined;
  /** ISO 8601. */
  readonly timeCreated: string | undefined;
  /** Upload, Import, Empty, ... */
  readonly createOption: string | undefined;
  /** Of the fixed VHD with its footer. */
  readonly uploadSizeBytes: number | undefined;
  /** Not reported before the first upload is finished. */
  readonly diskSizeBytes: number | undefined;
  readonly osType: string | undefined;
  readonly hyperVGeneration: string | undefined;
  /** x64 or Arm64. */
  readonly architecture: string | undefined;
  /** TrustedLaunch, ... */
  readonly securityType: string | undefined;
  readonly networkAccessPolicy: string | undefined;
  readonly diskAccessId: string | undefined;
  /** AzureActiveDirectory if uploads and downloads need a token. */
  readonly dataAccessAuthMode: string | undefined;
  /** Id of the virtual machine that the disk is attached to. */
  readonly managedBy: string | undefined;
}

export interface DiskGrant {
  /** A secret. Printing it shows the URL without the SAS. */
  readonly accessSas: DiskSas;
  /** The SAS does not show when it expires: computed from the time of the request and the granted duration. */
  readonly expiresOn: Date;
}

/** One day and 60 days. Source: learn.microsoft.com, "Change of the duration of SAS for disks", February 2025. */
const MIN_GRANT_SECONDS = 86_400;
const MAX_GRANT_SECONDS = 5_184_000;
/** The states of a disk to which somebody has access. */
const ACCESSIBLE = ['ReadyToUpload', 'ActiveUpload', 'ActiveSAS', 'ActiveSASFrozen'];
/** How often, and after which pauses, the state of the disk is read after access has ended. */
const MAX_STATE_READS = 60;
const STATE_PAUSE_MS = 2000;

/**
 * How long to grant access: three times the expected duration, at least a day, at most 60 days.
 * @param expectedMs - Duration of the upload or download, in milliseconds. Infinity if it is unknown.
 * @returns seconds
 */
export function grantSeconds(expectedMs: number): number {
  return Math.min(MAX_GRANT_SECONDS, Math.max(MIN_GRANT_SECONDS, Math.ceil((3 * expectedMs) / 1000)));
}

/** Every method throws as `ArmClient` does. */
export class ManagedDisks {
  readonly #client: ArmClient;
  readonly #apiVersion: string;

  /** @param apiVersion - Of Microsoft.Compute/disks. */
  constructor(client: ArmClient, apiVersion: string = DISK_API_VERSION) {
    this.#client = client;
    this.#apiVersion = apiVersion;
  }

  /** Undefined if the disk does not exist. @throws {DestinationError} its resource group or subscription does not exist. */
  async get(disk: ResourceId, signal: AbortSignal): Promise<ManagedDisk | undefined> {
    const request = this.#request('Get disk', disk);
    const found = await this.#client.find(request, signal);
    return found === undefined ? undefined : managedDiskOf(request, found);
  }

  /**
   * Creates the disk, or does nothing if it exists with the same properties. Neither is an error, so compare tags or `uniqueId`
   * to find out whose disk it is.
   * @param body - From `diskBody`.
   */
  async create(disk: ResourceId, body: JsonObject, signal: AbortSignal): Promise<ManagedDisk> {
    const request = this.#request('Create disk', disk);
    return managedDiskOf(request, await this.#client.put(request, body, signal));
  }

  /** Replaces the tags of the disk, and changes nothing else. */
  async setTags(disk: ResourceId, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<ManagedDisk> {
    const request = this.#request('Tag disk', disk);
    return managedDiskOf(request, await this.#client.patch(request, { tags: tagsOf(tags) }, signal));
  }

  /** Grants write access to a disk in state ReadyToUpload or ActiveUpload. Takes about half a minute. @param seconds - 1 to 5,184,000. */
  async grantWrite(disk: ResourceId, seconds: number, signal: AbortSignal): Promise<DiskGrant> {
    return await this.#grant(disk, 'Write', seconds, signal);
  }

  /** Grants read access to a disk that is not attached. @param seconds - 1 to 5,184,000. */
  async grantRead(disk: ResourceId, seconds: number, signal: AbortSignal): Promise<DiskGrant> {
    return await this.#grant(disk, 'Read', seconds, signal);
  }

  /**
   * Ends every access to the disk. **After an upload, this is the commit: it cannot be undone.** The service checks the footer,
   * and afterwards accepts no more data.
   * @returns the disk, in its new state. Also if the access had ended already, for example because a previous answer was lost.
   * @throws {VerificationError} the content is not a valid VHD (InvalidVhd).
   */
  async endAccess(disk: ResourceId, signal: AbortSignal): Promise<ManagedDisk> {
    const request = this.#request('End access to disk', disk, 'endGetAccess');
    let refusal: unknown;
    try {
      await this.#client.post(request, undefined, signal);
    } catch (error) {
      if (!(error instanceof DestinationError || error instanceof InUseError)) throw error;
      refusal = error;
    }
    return await this.#ended(disk, refusal, signal);
  }

  /** Deletes the disk with its content. Succeeds if it does not exist. */
  async delete(disk: ResourceId, signal: AbortSignal): Promise<void> {
    await this.#client.delete(this.#request('Delete disk', disk), signal);
  }

  async #grant(disk: ResourceId, access: 'Read' | 'Write', seconds: number, signal: AbortSignal): Promise<DiskGrant> {
    if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_GRANT_SECONDS) {
      throw new UsageError(`Access to a disk lasts 1 to ${MAX_GRANT_SECONDS} seconds (60 days), not ${seconds}.`);
    }
    const verb = access === 'Write' ? 'Grant write access to disk' : 'Grant read access to disk';
    const request = this.#request(verb, disk, 'beginGetAccess');
    const startMs = Date.now();
    const result = await this.#client.postForResult(request, { access, durationInSeconds: seconds }, signal);
    // REST has the first spelling, the Azure CLI the second.
    const url = textIn(result, 'accessSAS') ?? textIn(result, 'accessSas');
    if (url === undefined || !/^https?:\/\//i.test(url) || !URL.canParse(url)) {
      throw permanent(unusableArmAnswer(request, 'the result contains no URL in accessSAS', undefined));
    }
    return { accessSas: new DiskSas(url), expiresOn: new Date(startMs + seconds * 1000) };
  }

  /** Reads the disk until its state shows that nobody has access. @param refusal - The error to throw if somebody still has. */
  async #ended(disk: ResourceId, refusal: unknown, signal: AbortSignal): Promise<ManagedDisk> {
    for (let reads = 1; ; reads++) {
      const found = await this.get(disk, signal);
      const isAccessible = found === undefined || ACCESSIBLE.includes(found.diskState ?? '');
      if (isAccessible && refusal !== undefined) throw refusal;
      if (found === undefined) {
        throw new DestinationError(`Disk ${nameOf(disk)} does not exist any more: somebody deleted it.`, {
          reason: 'ResourceNotFound',
        });
      }
      if (!isAccessible && isProvisioned(found)) return found;
      if (reads >= MAX_STATE_READS) {
        const { diskState = 'unknown', provisioningState = 'unknown' } = found;
        throw new ServiceError(
          `End access to disk ${nameOf(disk)} failed: the service reported success, but the disk is still in state ${printable(diskState)} (${printable(provisioningState)}). Run the same command again.`,
          { reason: 'StillAccessible', transient: false },
        );
      }
      await this.#client.wait(STATE_PAUSE_MS, signal);
    }
  }

  #request(verb: string, disk: ResourceId, action?: string): ArmRequest {
    const request = { what: `${verb} ${nameOf(disk)}`, path: pathOf(disk), apiVersion: this.#apiVersion };
    return action === undefined ? request : { ...request, action };
  }
}

function isProvisioned({ provisioningState, diskState }: ManagedDisk): boolean {
  return diskState !== undefined && /^(?:succeeded|failed|canceled)$/i.test(provisioningState ?? 'Succeeded');
}

/** @throws {ServiceError} the answer is not about a disk. */
function managedDiskOf(request: ArmRequest, body: JsonObject): ManagedDisk {
  const properties = objectIn(body, 'properties');
  const creation = objectIn(properties, 'creationData');
  const [id, name, location] = [textIn(body, 'id'), textIn(body, 'name'), textIn(body, 'location')];
  if (properties === undefined || id === undefined || name === undefined || location === undefined) {
    throw permanent(unusableArmAnswer(request, 'its answer does not describe a disk', undefined));
  }
  const tags = Object.entries(objectIn(body, 'tags') ?? {}).flatMap(([key, value]) =>
    typeof value === 'string' ? [[key, value] as const] : [],
  );
  return {
    id,
    name,
    location,
    tags: Object.fromEntries(tags),
    sku: textIn(objectIn(body, 'sku'), 'name'),
    diskState: textIn(properties, 'diskState'),
    provisioningState: textIn(properties, 'provisioningState'),
    uniqueId: textIn(properties, 'uniqueId'),
    timeCreated: textIn(properties, 'timeCreated'),
    createOption: textIn(creation, 'createOption'),
    uploadSizeBytes: integerIn(creation?.['uploadSizeBytes']),
    diskSizeBytes: integerIn(properties['diskSizeBytes']),
    osType: textIn(properties, 'osType'),
    hyperVGeneration: textIn(properties, 'hyperVGeneration'),
    architecture: textIn(objectIn(properties, 'supportedCapabilities'), 'architecture'),
    securityType: textIn(objectIn(properties, 'securityProfile'), 'securityType'),
    networkAccessPolicy: textIn(properties, 'networkAccessPolicy'),
    diskAccessId: textIn(properties, 'diskAccessId'),
    dataAccessAuthMode: textIn(properties, 'dataAccessAuthMode'),
    managedBy: textIn(body, 'managedBy'),
  };
}

function integerIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** The request succeeded: repeating it does not help. */
function permanent({ message, failure }: ServiceError): ServiceError {
  return new ServiceError(message, { ...failure, transient: false });
}
