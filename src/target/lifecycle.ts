// Lifecycle: what makes a target exist, this run's own, whole, and free for the next run. What moves its pages is its PageStore.

/** What a kind of target can do. Code branches on these, never on what the target is or where it is. */
export interface Capabilities {
  /** Carries metadata: which upload made it, who works on it, and its state. */
  readonly metadata: boolean;
  /** Can be held under a lease, so that nothing else writes to it. Known for certain only once it was tried. */
  readonly lease: boolean;
  /** Takes conditions (ETag, sequence number) on requests. */
  readonly conditions: boolean;
  /** Can make pages zero again without writing zeros. */
  readonly clear: boolean;
  /** Holds zeros wherever nothing was written. */
  readonly startsAsZeros: boolean;
}

export interface Lifecycle {
  readonly capabilities: Capabilities;
  /**
   * Makes a target whole whose content is proven: from then on it is for others to use.
   * @param etag - Where nothing held the target: the ETag at which its content was proven, and which it must still have.
   */
  finish(signal: AbortSignal, etag?: string): Promise<void>;
  /**
   * Gives up a target that is not whole: one that can be resumed is left to the next run, any other is removed. Does not fail.
   * @param isFailed - It must not be resumed either: its content is wrong.
   * @returns the target's ETag, where it is certain that this run changes it no more: the next run proves by it that nothing else
   * has written to the target.
   */
  abandon(isFailed?: boolean): Promise<string | undefined>;
}
