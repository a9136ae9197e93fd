// Lifecycle: completes or abandons a target. A PageStore moves its pages.

/** What a kind of target supports. Code branches on these fields, never on the kind or the host of the target. */
export interface Capabilities {
  /** Allows requests that read: its properties, pages and content. False for a blob with a SAS that lacks the permission r. */
  readonly read: boolean;
  /** Stores metadata: the upload that created it, the run that works on it, and its state. */
  readonly metadata: boolean;
  /** Supports leases, so that nothing else writes to it. Certain only after the first attempt to acquire one. */
  readonly lease: boolean;
  /** Without a lease: nothing else writes to it, unless it has the same credential. */
  readonly exclusive: boolean;
  /** Accepts a checksum with each write, and checks it. Certain only after the first write. */
  readonly checksums: boolean;
  /** Supports conditions (ETag, sequence number) on requests. */
  readonly conditions: boolean;
  /** Can clear pages without writing zeros. */
  readonly clear: boolean;
  /** Reads as zeros wherever nothing was written when the upload starts. Otherwise its page list shows where to write zeros. */
  readonly startsAsZeros: boolean;
}

export interface Lifecycle {
  readonly capabilities: Capabilities;
  /**
   * Marks a target with verified content as complete, so that others may use it.
   * @param etag - Without a lease: the ETag at which the content was read back, which the target must still have.
   */
  finish(signal: AbortSignal, etag?: string): Promise<unknown>;
  /**
   * Abandons an incomplete target. One that can be resumed is released for the next run, any other is removed. Does not fail.
   * @param isFailed - The content is wrong, so no run may resume it.
   * @returns the ETag of the target if it is certain that this run does not modify it any more. By this ETag, the next run proves
   *   that nothing else has written to the target.
   */
  abandon(isFailed?: boolean): Promise<string | undefined>;
}

/** A Lifecycle of a remote target, which one run of an upload holds. */
export interface RemoteLifecycle extends Lifecycle {
  /** Whether this run holds a lease on the target, so that nothing else can write to it. */
  readonly isHeld: boolean;
  /** What the checkpoint must remember of the target. */
  readonly remembered: object;
  /** Sets the MD5 of the whole content. @throws {DestinationError} the target was replaced, or stores no MD5. */
  setContentMd5(md5: Uint8Array, signal: AbortSignal): Promise<void>;
  /**
   * @param save - Saves the checkpoint, if what it remembers changes before the last step.
   * @returns the ETag of the complete target; undefined if it is not known.
   */
  finish(signal: AbortSignal, etag?: string, save?: () => Promise<void>): Promise<string | undefined>;
}
