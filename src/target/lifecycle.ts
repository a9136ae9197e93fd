// Lifecycle: completes or abandons a target. A PageStore moves its pages.

/** What a kind of target supports. Code branches on these fields, never on the kind or the host of the target. */
export interface Capabilities {
  /** Stores metadata: the upload that created it, the run that works on it, and its state. */
  readonly metadata: boolean;
  /** Supports leases, so that nothing else writes to it. Certain only after the first attempt to acquire one. */
  readonly lease: boolean;
  /** Supports conditions (ETag, sequence number) on requests. */
  readonly conditions: boolean;
  /** Can clear pages without writing zeros. */
  readonly clear: boolean;
  /** Reads as zeros wherever nothing was written. */
  readonly startsAsZeros: boolean;
}

export interface Lifecycle {
  readonly capabilities: Capabilities;
  /**
   * Marks a target with verified content as complete, so that others may use it.
   * @param etag - Without a lease: the ETag at which the content was read back, which the target must still have.
   */
  finish(signal: AbortSignal, etag?: string): Promise<void>;
  /**
   * Abandons an incomplete target. One that can be resumed is released for the next run, any other is removed. Does not fail.
   * @param isFailed - The content is wrong, so no run may resume it.
   * @returns the ETag of the target if it is certain that this run does not modify it any more. By this ETag, the next run proves
   *   that nothing else has written to the target.
   */
  abandon(isFailed?: boolean): Promise<string | undefined>;
}
