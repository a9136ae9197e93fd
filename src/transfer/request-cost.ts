// The cost of a request in bytes, for all code that weighs requests against bytes.

/**
 * In bytes. A standard page blob accepts 60 MiB/s and 500 requests/s (Azure's scalability targets), so one request costs as much
 * as 123 KiB.
 */
export const REQUEST_COST = 123 * 1024;
