// The credential of a running upload: what signs requests now, and how it is replaced.
import type { CredentialError } from '../../errors.ts';
import type { UploadEvent } from '../../events.ts';
import type { RenewSas, SdkCredential } from './credentials.ts';
import type { OnSignIn } from './sign-in-report.ts';

/** One credential, from its first use until another one replaces it. */
export interface Signer {
  readonly sdk: SdkCredential;
  /** Whether the service has accepted a request with this credential. */
  wasAccepted: boolean;
}

export interface Access {
  /** Signs the next request. A new object when the credential has changed. */
  readonly signer: Signer;
  /** When the credential expires; undefined if that is unknown or the credential renews itself. */
  readonly expiresOn: Date | undefined;
  /**
   * Whether another signer has replaced the rejected one. Waits for it, for hours if necessary.
   * @throws {CredentialError} the replacements are unusable too; the reason of `signal` on abort.
   */
  renewed(rejected: Signer, error: CredentialError, signal: AbortSignal): Promise<boolean>;
  /** Stops waiting. */
  close(): void;
}

export interface AccessOptions {
  /** The permissions that a new SAS needs, as letters of `sp`. @default 'rw' */
  readonly permissions?: string;
  /** Returns a new SAS when the current one has expired. */
  readonly renewSas?: RenewSas;
  /** The SAS are those of a managed disk: the same one may become valid again, or another one may come with another URL. @default false */
  readonly isDisk?: boolean;
  /** How long to wait for a new SAS, in milliseconds. @default 12 hours */
  readonly giveUpAfterMs?: number;
  /** Gets a sentence about what authorizes the requests. */
  readonly onSignIn?: OnSignIn;
  readonly onEvent?: (event: Extract<UploadEvent, { type: 'credential' }>) => void;
}
