// lookAtDestination: what an upload would meet at the URL of a blob. Changes nothing.
import { CredentialError, DestinationError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import type { ServiceOptions } from '../options.ts';
import { accessOf, canRead, connect } from '../remote/connect.ts';
import { isComplete, isFailed, isUnfinished, otherUploader } from '../state/blob-metadata.ts';
import type { BlobProperties } from '../target/page-blob.ts';

export interface LookOptions extends ServiceOptions {
  readonly signal: AbortSignal;
  readonly onEvent?: EventListener;
}

/** `unseen`: the content of a managed disk, or the SAS cannot read. */
export type DestinationLook = { readonly url: string } & (
  | { readonly is: 'unseen' }
  | { readonly is: 'free'; readonly container: 'exists' | 'absent' | 'unknown' }
  | {
      readonly is: 'blob';
      readonly type: BlobProperties['type'];
      readonly size: number;
      /** What an upload by vhdup says of it; `other` if there was none, or the name of another uploader that has not finished. */
      readonly state: 'unfinished' | 'complete' | 'failed' | 'other';
      readonly otherUploader?: string;
    }
);

/** Nobody waits longer for an answer to a question, in milliseconds. */
const GIVE_UP_AFTER_MS = 30_000;

/** @throws as `accessOf`; the errors of the service, except that a container that cannot be looked at is `unknown`. */
export async function lookAtDestination(options: LookOptions): Promise<DestinationLook> {
  const { signal } = options;
  const access = accessOf(options, 'rw', 'r');
  const { url, isDisk } = access.address;
  if (isDisk === true || !canRead(access)) return { url, is: 'unseen' };
  const settings = { giveUpAfterMs: GIVE_UP_AFTER_MS, ...options, maxRequests: 1 };
  const { blob, store } = await connect(access, settings, shielded(options.onEvent));
  try {
    const found = await store.properties(signal);
    if (found !== undefined) return { url, is: 'blob', ...stateOf(found) };
    const container = await store
      .request('Get Container Properties', signal, (attempt) => blob.containerAccess(attempt))
      .then(
        (access) => (access === undefined ? ('absent' as const) : ('exists' as const)),
        (error: unknown) => {
          // No SAS for a container allows this.
          if (error instanceof CredentialError || error instanceof DestinationError) return 'unknown' as const;
          throw error;
        },
      );
    return { url, is: 'free', container };
  } finally {
    blob.close();
  }
}

function stateOf({ type, size, metadata }: BlobProperties) {
  const state = isFailed(metadata)
    ? ('failed' as const)
    : isComplete(metadata)
      ? ('complete' as const)
      : isUnfinished(metadata)
        ? ('unfinished' as const)
        : ('other' as const);
  const other = otherUploader(metadata);
  return { type, size, state, ...(other === undefined ? {} : { otherUploader: other }) };
}
