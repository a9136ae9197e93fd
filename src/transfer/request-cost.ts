// What a request costs beside its bytes: one number for all that weighs requests against bytes.

/**
 * In bytes. A standard page blob bears 60 MiB/s and 500 requests/s (Azure's scalability targets), so one request takes as
 * much of it as 123 KiB do.
 */
export const REQUEST_COST = 123 * 1024;
