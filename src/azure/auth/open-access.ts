// Creates the Access for a credential.
import type { BlobAddress } from '../destination.ts';
import { type Credential, type SdkCredential, toSdkCredential } from './credentials.ts';
import { SasAccess } from './sas-access.ts';
import type { Access, AccessOptions, Signer } from './signer.ts';
import { TokenAccess } from './token-access.ts';

export async function openAccess(
  credential: Credential | undefined,
  address: BlobAddress,
  options: AccessOptions,
): Promise<Access> {
  const { hostname } = new URL(address.url);
  const sdk = credential === undefined ? {} : await toSdkCredential(credential, hostname, options.onSignIn);
  if (credential === undefined) options.onSignIn?.('The requests carry no credential.');
  if (sdk.sas !== undefined) return new SasAccess(sdk.sas, address, options);
  if (sdk.credential !== undefined && 'getToken' in sdk.credential) return new TokenAccess(sdk.credential);
  return new FixedAccess(sdk);
}

/** A credential that never changes: an account key, or none. */
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
    // Nothing to stop.
  }
}
