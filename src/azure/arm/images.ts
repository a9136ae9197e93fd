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

function imageDefinitionOf(body: JsonObject, path: string): ImageDefinition {
  const properties = objectIn(body, 'properties');
  const features = properties?.['features'];
  const entries = (Array.isArray(features) ? features.filter(isObject) : []).flatMap((feature) => {
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
