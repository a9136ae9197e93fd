// Images in Azure Resource Manager: managed images, and versions in a gallery.
import { DestinationError } from '../../errors.ts';
import type { ArmClient, ArmRequest } from './arm-client.ts';
import { isObject, type JsonObject, objectIn, textIn } from './arm-error.ts';
import { nameOf, parseResource, pathOf, type ResourceId } from './resource-id.ts';

/** In all clouds, and new enough for everything that vhdup sends. */
const API_VERSIONS = { images: '2024-11-01', galleries: '2025-03-03', storageAccounts: '2023-05-01' };

/** A managed image or an image version, once it is provisioned. */
export interface CreatedImage {
  /** As the service writes it. */
  readonly id: string;
  readonly name: string;
  readonly location: string | undefined;
}

/** What an image definition says about all of its versions. Undefined fields were not reported. */
export interface ImageDefinition {
  readonly id: string;
  readonly location: string | undefined;
  /** Windows or Linux. */
  readonly osType: string | undefined;
  /** Generalized or Specialized. */
  readonly osState: string | undefined;
  /** V1 or V2. */
  readonly hyperVGeneration: string | undefined;
  /** x64 or Arm64. */
  readonly architecture: string | undefined;
  /** SecurityType, DiskControllerTypes, ... */
  readonly features: Readonly<Record<string, string>>;
}

/** What a managed image or an image version was made of. */
export interface ExistingImage {
  readonly id: string;
  readonly name: string;
  readonly location: string | undefined;
  /** Succeeded, Creating, Failed, ... */
  readonly provisioningState: string | undefined;
  /** The id of a disk, snapshot, image or virtual machine, or the URL of a blob. */
  readonly source: string | undefined;
  /** Of a managed image: those of versions are in their definition. */
  readonly osType: string | undefined;
  readonly hyperVGeneration: string | undefined;
  /** The regions of a version. Empty for a managed image. */
  readonly regions: readonly ImageRegion[];
}

export interface ImageRegion {
  readonly name: string;
  /** Completed, Replicating, Failed, ... */
  readonly state: string | undefined;
  /** 0 to 100. */
  readonly progress: number | undefined;
  readonly details: string | undefined;
}

/** Every method throws as `ArmClient` does. If provisioning fails, the message contains the detail of the service. */
export class Images {
  readonly #client: ArmClient;
  readonly #versions: typeof API_VERSIONS;

  /** @param versions - API versions that replace the defaults. */
  constructor(client: ArmClient, versions: Partial<typeof API_VERSIONS> = {}) {
    this.#client = client;
    this.#versions = { ...API_VERSIONS, ...versions };
  }

  /** @param body - From `imageBody`. The disk must be in state Unattached. */
  async create(image: ResourceId, body: JsonObject, signal: AbortSignal): Promise<CreatedImage> {
    const request = this.#request(`Create image ${nameOf(image)}`, image, this.#versions.images);
    return createdImageOf(image, await this.#client.put(request, body, signal));
  }

  /** Takes minutes. @param body - From `imageVersionBody`. */
  async createVersion(version: ResourceId, body: JsonObject, signal: AbortSignal): Promise<CreatedImage> {
    const request = this.#request(`Create image version ${version.names.join('/')}`, version, this.#versions.galleries);
    return createdImageOf(version, await this.#client.put(request, body, signal));
  }

  /** Undefined if the image does not exist. */
  async find(image: ResourceId, signal: AbortSignal): Promise<ExistingImage | undefined> {
    const request = this.#request(`Get image ${nameOf(image)}`, image, this.#versions.images);
    const found = await this.#client.find(request, signal);
    return found === undefined ? undefined : existingImageOf(image, found);
  }

  /** Undefined if the version, its definition or its gallery does not exist. */
  async findVersion(version: ResourceId, signal: AbortSignal): Promise<ExistingImage | undefined> {
    const request = this.#request(`Get image version ${version.names.join('/')}`, version, this.#versions.galleries);
    const found = await this.#client.find({ ...request, expand: 'ReplicationStatus' }, signal);
    return found === undefined ? undefined : existingImageOf(version, found);
  }

  /** Whether the gallery exists. */
  async hasGallery(gallery: ResourceId, signal: AbortSignal): Promise<boolean> {
    const request = this.#request(`Get gallery ${nameOf(gallery)}`, gallery, this.#versions.galleries);
    return (await this.#client.find(request, signal)) !== undefined;
  }

  /** Undefined if the image definition does not exist. @throws {DestinationError} its gallery or resource group does not exist. */
  async definition(definition: ResourceId, signal: AbortSignal): Promise<ImageDefinition | undefined> {
    const request = this.#request(
      `Get image definition ${definition.names.join('/')}`,
      definition,
      this.#versions.galleries,
    );
    const found = await this.#client.find(request, signal);
    return found === undefined ? undefined : imageDefinitionOf(found, pathOf(definition));
  }

  /**
   * Finds a storage account of the subscription by its name, which is unique in the cloud.
   * @throws {DestinationError} the subscription has no account of this name that the sign-in can see.
   */
  async storageAccount(subscriptionId: string, accountName: string, signal: AbortSignal): Promise<ResourceId> {
    const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Storage/storageAccounts`;
    const what = `Find storage account ${accountName}`;
    const accounts = await this.#client.list({ what, path, apiVersion: this.#versions.storageAccounts }, signal);
    const id = accounts.flatMap((account) =>
      textIn(account, 'name') === accountName ? (textIn(account, 'id') ?? []) : [],
    )[0];
    if (id !== undefined) return parseResource(id, 'Microsoft.Storage/storageAccounts', 'The storage account');
    throw new DestinationError(
      `${what} failed: the subscription ${subscriptionId} has no such account that the sign-in can see. Choose its subscription with --subscription: az storage account list --query "[].id" --output tsv.`,
      { reason: 'StorageAccountNotFound' },
    );
  }

  #request(what: string, resource: ResourceId, apiVersion: string): ArmRequest {
    return { what, path: pathOf(resource), apiVersion };
  }
}

function createdImageOf(resource: ResourceId, body: JsonObject): CreatedImage {
  return {
    id: textIn(body, 'id') ?? pathOf(resource),
    name: textIn(body, 'name') ?? nameOf(resource),
    location: textIn(body, 'location'),
  };
}

function existingImageOf(resource: ResourceId, body: JsonObject): ExistingImage {
  const properties = objectIn(body, 'properties');
  const storage = objectIn(properties, 'storageProfile');
  const osDisk = objectIn(storage, 'osDisk');
  const ofVersion = objectIn(objectIn(storage, 'osDiskImage'), 'source');
  const sources = [
    // Such an image has the data disks of the machine too.
    textIn(objectIn(properties, 'sourceVirtualMachine'), 'id'),
    textIn(objectIn(osDisk, 'managedDisk'), 'id'),
    textIn(objectIn(osDisk, 'snapshot'), 'id'),
    textIn(osDisk, 'blobUri'),
    textIn(ofVersion, 'id'),
    textIn(ofVersion, 'uri'),
    textIn(objectIn(storage, 'source'), 'id'),
  ];
  return {
    ...createdImageOf(resource, body),
    provisioningState: textIn(properties, 'provisioningState'),
    source: sources.find((source) => source !== undefined),
    osType: textIn(osDisk, 'osType'),
    hyperVGeneration: textIn(properties, 'hyperVGeneration'),
    regions: regionsOf(properties),
  };
}

function regionsOf(properties: JsonObject | undefined): ImageRegion[] {
  const targets = objectsIn(objectIn(properties, 'publishingProfile'), 'targetRegions');
  const summary = objectsIn(objectIn(properties, 'replicationStatus'), 'summary');
  return targets.flatMap((target) => {
    const name = textIn(target, 'name');
    if (name === undefined) return [];
    const status = summary.find((one) => isSameRegion(textIn(one, 'region'), name));
    const progress = status?.['progress'];
    return [
      {
        name,
        state: textIn(status, 'state'),
        progress: typeof progress === 'number' ? progress : undefined,
        details: textIn(status, 'details'),
      },
    ];
  });
}

/** "West Europe" and "westeurope" are the same. */
function isSameRegion(a: string | undefined, b: string): boolean {
  return a?.replaceAll(' ', '').toLowerCase() === b.replaceAll(' ', '').toLowerCase();
}

function objectsIn(object: JsonObject | undefined, name: string): JsonObject[] {
  const value = object?.[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function imageDefinitionOf(body: JsonObject, path: string): ImageDefinition {
  const properties = objectIn(body, 'properties');
  const entries = objectsIn(properties, 'features').flatMap((feature) => {
    const [name, value] = [textIn(feature, 'name'), textIn(feature, 'value')];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return {
    id: textIn(body, 'id') ?? path,
    location: textIn(body, 'location'),
    osType: textIn(properties, 'osType'),
    osState: textIn(properties, 'osState'),
    hyperVGeneration: textIn(properties, 'hyperVGeneration'),
    architecture: textIn(properties, 'architecture'),
    features: Object.fromEntries(entries),
  };
}
