// The public API of vhdup. Silent by itself: it speaks through events, results and errors.
export type { Credential, RenewSas, SasRequest, TokenSource } from './azure/credentials.ts';
export { parseConnectionString } from './azure/credentials.ts';
export type { ByteRange } from './byte-range.ts';
export type { CheckFinding, CheckReport, CheckResult, Generation, Purpose } from './check/check-report.ts';
export { type CheckOptions, checkImage } from './check.ts';
export { type ConvertOptions, type ConvertResult, convertImage } from './convert.ts';
export * from './errors.ts';
export type { EventListener, RequestRecord, TransferTotals, UploadEvent } from './events.ts';
export type { DiskImage, DiskImageFormat, Extent, ImageWarning, OpenDiskImageOptions } from './image/disk-image.ts';
export { asFixedVhd, type FixedVhdView } from './image/fixed-vhd-view.ts';
export { openDiskImage } from './image/open-disk-image.ts';
export type { TransferVerbOptions, UploadOptions } from './options.ts';
export { planUpload, type UploadPlan } from './plan-upload.ts';
export type { ChecksumAlgorithm } from './target.ts';
export type { RetryOptions } from './transfer/retry.ts';
export { type UploadResult, uploadImage } from './upload.ts';
