// CheckFacts: what is known of a disk before the rules look at it, gathered once.
import type { DiskImageFormat, ImageWarning } from '../image/disk-image.ts';
import type { DiskLayout, Volume } from '../volume/disk-layout.ts';
import type { FileSystemState } from '../volume/file-system-state.ts';
import type { Generation, Purpose } from './check-report.ts';
import type { NamedSystem } from './guest/find-linux.ts';
import type { GuestFileSystem } from './guest/guest-protocol.ts';

export interface ImageFacts {
  /** As it may be printed. */
  readonly path: string;
  readonly format: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly size: number;
  /** The size rounded up to a whole MiB: that of the disk in Azure. */
  readonly azureSize: number;
  /** What opening the image, and reading from it, warned of. */
  readonly warnings: readonly ImageWarning[];
  /** Creator Application of a VHD's footer, four characters; undefined for other formats. */
  readonly creator: string | undefined;
}

export interface VolumeState extends FileSystemState {
  readonly volume: Volume;
}

/** The operating system, as far as its files can be read. */
export type GuestSystem =
  | {
      readonly kind: 'linux';
      /** Each with the name of the partition of its root. At least one. */
      readonly systems: readonly NamedSystem[];
      /** What else may hold an operating system and was not looked into. */
      readonly others: readonly string[];
    }
  /** There is one, or may be one, on file systems that are not read. */
  | { readonly kind: 'unread'; readonly found: string }
  /** Nothing on the disk can hold one. */
  | { readonly kind: 'none' };

export interface CheckFacts {
  readonly purpose: Purpose;
  /** The generation that is checked for; undefined where it was not given and nothing tells. */
  readonly generation: Generation | undefined;
  readonly blobName: string | undefined;
  readonly image: ImageFacts;
  readonly layout: DiskLayout;
  /** Of each volume that may hold data, whether it was closed cleanly. */
  readonly volumeStates: readonly VolumeState[];
  /** Not gathered by the check before an upload. */
  readonly guest: GuestSystem | undefined;
  /** The files of the EFI system partition, where there is one. */
  readonly efi: GuestFileSystem | undefined;
}
