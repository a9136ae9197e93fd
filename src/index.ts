// The public API of vhdup. It prints nothing: it reports through events, results and errors.
export { type ConnectionString, parseConnectionString } from './azure/auth/connection-string.ts';
export type { Credential, RenewSas, SasRequest, TokenSource } from './azure/auth/credentials.ts';
export type { ByteRange } from './base/byte-range.ts';
export type { ChecksumAlgorithm } from './base/page-run.ts';
export type { RateChange, RateLimit, RateTimetable } from './base/rate-timetable.ts';
export type { FreeSpaceReport, SkipFree, VolumeFreeSpace } from './base/skip-free.ts';
export { type CheckOptions, checkImage } from './check/check-image.ts';
export type { CheckFinding, CheckReport, CheckResult, Generation, OsState, Purpose } from './check/check-report.ts';
export type { RuleSource } from './check/rule-sources.ts';
export { type ConvertOptions, type ConvertResult, convertImage } from './convert/convert.ts';
export { downloadImage } from './download/download.ts';
export type { DownloadProof, DownloadResult } from './download/download-result.ts';
export * from './errors.ts';
export type { EventListener, ImageFileFacts, RequestRecord, TransferTotals, UploadEvent } from './events.ts';
export type { DiskImage, DiskImageFormat, Extent, ImageWarning, OpenDiskImageOptions } from './image/disk-image.ts';
export { asFixedVhd, type FixedVhdView } from './image/fixed-vhd-view.ts';
export { openDiskImage } from './image/open-disk-image.ts';
export type { ImageFacts } from './inspect/image-facts.ts';
export { type InspectOptions, type InspectReport, inspectImage } from './inspect/inspect.ts';
export {
  type InspectStructuresOptions,
  inspectStructures,
  type StructuresReport,
} from './inspect/inspect-structures.ts';
export type { Structure, StructureField, StructureKind, StructureRow } from './inspect/structure.ts';
export { type AbortDiskOptions, type AbortDiskResult, abortDisk } from './manage/abort-disk.ts';
export {
  type AbortOptions,
  type AbortPlan,
  type AbortResult,
  abortUnfinished,
  type PartialTarget,
} from './manage/abort-unfinished.ts';
export {
  type CreateImageOptions,
  type CreateImageResult,
  createImage,
  type PlannedImage,
  planImage,
} from './manage/create-image.ts';
export { type DiskStatus, type DiskStatusOptions, diskStatus } from './manage/disk-status.ts';
export { type ImageStatus, type ImageStatusOptions, imageStatus } from './manage/image-status.ts';
export { type ListOptions, type ListResult, listUnfinished } from './manage/list-unfinished.ts';
export type { Unfinished } from './manage/unfinished.ts';
export type {
  ArmOptions,
  DownloadOptions,
  ImageTransferOptions,
  UploadOptions,
  VerifiedLevel,
  VerifyLevel,
  VerifyOptions,
} from './options.ts';
export { createReport, type ReportOptions } from './report/create-report.ts';
export type { LocalImageFormat } from './target/local-image.ts';
export type { RetryOptions } from './transfer/retry.ts';
export { planUpload, type UploadPlan } from './upload/dry-run.ts';
export { type UploadResult, uploadImage } from './upload/upload.ts';
export type { Difference, DifferenceKind, DifferenceSummary } from './verify/differences.ts';
export { type VerifyResult, verifyBlob } from './verify/verify.ts';
