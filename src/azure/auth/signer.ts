// The credential of one upload while it lasts: what signs requests now, and how another one takes its place.
import type { CredentialError } from '../../errors.ts';
import type { UploadEvent } from '../../events.ts';
import type { RenewSas, SdkCredential } from './credentials.ts';

/** One credential, from the moment it is taken into use until another one takes its place. */
export interface Signer {
  readonly sdk: SdkCredential;
  /** Whether the service has accepted a request that it signed. */
  wasAccepted: boolean;
}

export interface Access {
  /** What signs a request that is sent now: another object when the credential has changed. */
  readonly signer: Signer;
  /** When it expires; undefined where that is not known, or where it renews itself. */
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
  /** Gives another SAS when the one in use has expired. */
  readonly renewSas?: RenewSas;
  /** How long to wait for another SAS, in milliseconds. @default 12 hours */
  readonly giveUpAfterMs?: number;
  readonly onEvent?: (event: Extract<UploadEvent, { type: 'credential' }>) => void;
}
