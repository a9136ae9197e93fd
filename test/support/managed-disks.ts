// Managed disks on loopback: Azure Resource Manager, the endpoint of its disks and an identity endpoint, with one clock and one call.
// A client needs only the endpoint of Resource Manager; the URLs of disks come from there.

import type { ArmBehaviour } from './arm-server/behaviour.ts';
import type { LongRunning } from './arm-server/long-running.ts';
import type { GivenDisk } from './arm-server/resources.ts';
import { ArmServer } from './arm-server/server.ts';
import type { DiskBehaviour } from './disk-server/behaviour.ts';
import { DiskServer } from './disk-server/server.ts';
import { IdentityServer } from './entra/identity-server.ts';
import { TestCredential } from './entra/test-credential.ts';
import { TokenIssuer } from './entra/token-issuer.ts';
import type { ServiceModel } from './page-blob-server/model.ts';
import { makeTestCertificates } from './test-certificates.ts';
import { TestClock } from './test-server/clock.ts';

export interface ManagedDisksOptions {
  /** HTTPS for Resource Manager and the disks, with a certificate of a new authority (`caCertificate`). @default false */
  readonly tls?: boolean;
  /** URLs of disks with the account in the host, such as md-impexp-….z12.blob.localhost, which needs a proxy or a lookup. @default false */
  readonly hostStyle?: boolean;
  readonly subscription?: string;
  /** Locations by name. @default rg in westeurope */
  readonly resourceGroups?: Readonly<Record<string, string>>;
  /** Names of storage accounts in the first resource group. */
  readonly storageAccounts?: readonly string[];
  readonly disks?: readonly GivenDisk[];
  /** What a token for Resource Manager may name. @default those of the public cloud */
  readonly armAudiences?: readonly string[];
  /** @default https://disk.azure.com/ */
  readonly diskAudience?: string;
  readonly armBehaviour?: Partial<ArmBehaviour>;
  readonly diskBehaviour?: Partial<DiskBehaviour>;
  /** For all long-running operations. */
  readonly longRunning?: Partial<LongRunning>;
  /** The speed of the endpoint of disks. */
  readonly model?: ServiceModel;
  /** For faults with a probability. */
  readonly seed?: number;
}

/** A request to any of the servers, in order of arrival. */
export interface TimelineEntry {
  readonly server: 'arm' | 'disk' | 'identity';
  readonly operation: string;
}

/** Starts the servers on 127.0.0.1. */
export async function startManagedDisks(options: ManagedDisksOptions = {}): Promise<ManagedDisks> {
  const servers = new ManagedDisks(options);
  await Promise.all([servers.arm.listen(0), servers.disks.listen(0), servers.identity.listen(0)]);
  for (const disk of options.disks ?? []) servers.arm.resources.createDisk(disk);
  for (const account of options.storageAccounts ?? []) servers.arm.resources.createStorageAccount(account);
  return servers;
}

/** The running servers. */
export class ManagedDisks {
  readonly clock = new TestClock();
  readonly issuer = new TokenIssuer(this.clock);
  /** For clients in the same process. */
  readonly credential = new TestCredential(this.issuer);
  readonly arm: ArmServer;
  readonly disks: DiskServer;
  readonly identity: IdentityServer;
  readonly timeline: TimelineEntry[] = [];

  constructor(options: ManagedDisksOptions) {
    const { clock, issuer } = this;
    const certificates = options.tls ? makeTestCertificates(['*.z12.blob.localhost']) : undefined;
    const record = (server: TimelineEntry['server']) => ({
      onRequest: ({ operation }: { readonly operation: string }) => this.timeline.push({ server, operation }),
    });
    const common = { clock, issuer, certificates, seed: options.seed };
    this.disks = new DiskServer({
      ...common,
      ...record('disk'),
      hostStyle: options.hostStyle,
      audience: options.diskAudience,
      behaviour: options.diskBehaviour,
      model: options.model,
    });
    this.arm = new ArmServer({
      ...common,
      ...record('arm'),
      disks: this.disks,
      subscription: options.subscription,
      resourceGroups: options.resourceGroups,
      audiences: options.armAudiences,
      behaviour: options.armBehaviour,
      longRunning: options.longRunning,
    });
    this.identity = new IdentityServer({ clock, issuer, ...record('identity') });
  }

  /** For `--arm-endpoint`. */
  get armEndpoint(): string {
    return this.arm.origin;
  }

  /** PEM, with TLS only. */
  get caCertificate(): string | undefined {
    return this.arm.caCertificate;
  }

  get subscription(): string {
    return this.arm.resources.state.subscription;
  }

  /** What a process needs to sign in with the managed identity, and to use the subscription. */
  get environment(): Readonly<Record<string, string>> {
    return { ...this.identity.environment, AZURE_SUBSCRIPTION_ID: this.subscription };
  }

  /** `arm PutDisk`, `disk PutPage` …, in order of arrival. */
  get calls(): string[] {
    return this.timeline.map(({ server, operation }) => `${server} ${operation}`);
  }

  /** What no correct client sends, to any of the servers. Tests assert that there is none. */
  get violations(): string[] {
    return [...this.arm.violations, ...this.disks.violations].map(({ method, problem }) => `${method}: ${problem}`);
  }

  /** Everything issued so far that no output, log, checkpoint or error may show. */
  get secrets(): string[] {
    const tokens = this.issuer.issued.map(({ token }) => token);
    const { IDENTITY_HEADER } = this.identity.environment;
    return [...tokens, IDENTITY_HEADER, ...this.disks.sasSecrets, ...this.arm.pollSecrets];
  }

  advanceClock(ms: number): void {
    this.clock.advance(ms);
  }

  /** Resolves as soon as `condition` is true. It is checked whenever a request to any server starts, commits or ends. */
  async when(condition: () => boolean): Promise<void> {
    await Promise.race([this.arm, this.disks, this.identity].map((server) => server.when(condition)));
  }

  async close(): Promise<void> {
    await Promise.all([this.arm.close(), this.disks.close(), this.identity.close()]);
  }
}
