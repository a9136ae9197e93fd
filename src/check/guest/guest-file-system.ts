// GuestFileSystem: what the rules see of a guest's files.
import type { SubvolumeMount } from '../../volume/file-systems/mounted-subvolumes.ts';

/** The entry at a path. Symbolic links are followed within their file system. */
export type GuestEntry =
  | {
      readonly kind: 'absent';
      /** Where symbolic links lead, if nothing is there in this file system. */
      readonly leadsTo?: string;
      /** Whether `leadsTo` counts from the root of the system, or from that of this file system. Undefined if that is not known. */
      readonly from?: 'system' | 'volume' | undefined;
    }
  | { readonly kind: 'directory'; readonly names: readonly string[] }
  | {
      readonly kind: 'file';
      /** In bytes. */
      readonly size: number;
      /** The beginning of the file, at most `MAX_GUEST_FILE` bytes. */
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'other' };

/** Bytes read of a file at most: configuration files are small, and a hostile size must not exhaust memory. */
export const MAX_GUEST_FILE = 1024 * 1024;

/** Access to the files of a guest by path. Paths begin with a slash. */
export interface GuestFileSystem {
  /** @throws {GuestUnreadableError} the file system cannot be read there. */
  look(path: string): Promise<GuestEntry>;
  /**
   * The bytes of a file from `offset`, at most `length`, fewer at its end; none if there is no file. Links are followed.
   * @throws {GuestUnreadableError}
   */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** btrfs: the files as a system sees them that mounts these subvolumes, one of them as its root. */
  mounted?(mounts: readonly SubvolumeMount[]): GuestFileSystem;
}

/** The file system cannot be read: it is damaged, not supported, or needs too many reads. */
export class GuestUnreadableError extends Error {}
