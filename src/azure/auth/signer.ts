// The credential of one upload while it lasts: what signs requests now, and how another one takes its place.
import type { CredentialError } from '../../errors.ts';
import type { UploadEvent } from '../../events.ts';
import type { BlobAddress } from '../destination.ts';
import { type Credential, type RenewSas, type SdkCredential, toSdkCredential } from './credentials.ts';
import { SasAccess } from './sas-access.ts';
import { TokenAccess } from './token-access.ts';

/** One credential, from the moment it is taken into use until another one takes its place. */
export interface Signer {
  readonly sdk: SdkCredential;
  /** Whether the service has accepted a request that it signed. */
  wasAccepted: boolean;
}

export interface Access {
  /** What signs a request that is sent now: another object when the credential has changed. */
  readonly signer: Signer;
  /** When it ends for good; undefined where that cannot be told, or where it renews itself. */
  readonly expiresOn: Date | undefined;
  /**
   * Whether another signer has taken the place of the one that was refused. Waits for it, for hours if need be.
   * @throws {CredentialError} what was given instead cannot be used either; the reason of `signal` on abort.
   */
  renewed(refused: Signer, error: CredentialError, signal: AbortSignal): Promise<boolean>;
  /** Stops waiting. */
  close(): void;
}

export interface AccessOptions {
  /** The letters that another SAS needs. @default 'rw' */
  readonly permissions?: string;
  /** Asked for another SAS when the one in use has ended. */
  readonly renewSas?: RenewSas;
  /** How long to wait for another SAS, in milliseconds. @default 12 hours */
  readonly giveUpAfterMs?: number;
  readonly onEvent?: (event: Extract<UploadEvent, { type: 'credential' }>) => void;
}

export async function openAccess(
  credential: Credential | undefined,
  address: BlobAddress,
  options: AccessOptions,
): Promise<Access> {
  const sdk = credential === undefined ? {} : await toSdkCredential(credential, new URL(address.url).hostname);
  if (sdk.sas !== undefined) return new SasAccess(sdk.sas, address, options);
  if (sdk.credential !== undefined && 'getToken' in sdk.credential) return new TokenAccess(sdk.credential);
  return new FixedAccess(sdk);
}

/** A credential that stays as it is: an account key, or none. */
class FixedAccess implements Access {
  readonly signer: Signer;
  readonly expiresOn = undefined;

  constructor(sdk: SdkCredential) {
    this.signer = { sdk, wasAccepted: false };
  }

  renewed(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): void {
    // Nothing waits.
  }
}
