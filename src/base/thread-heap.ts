// The heap of a thread beside the main one.
import type { ResourceLimits } from 'node:worker_threads';

/** For a thread that keeps nothing: a small heap is enough, and memory is promised to be little. */
export const SMALL_HEAP: ResourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
