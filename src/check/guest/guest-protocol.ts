// Messages between the worker that reads a guest's file system and the thread that uses it.

export type GuestFileSystemKind = 'ext' | 'fat';

/** The input of the worker. */
export interface GuestWorkerData {
  readonly kind: GuestFileSystemKind;
  /** Size of the volume in bytes. */
  readonly size: number;
}

/** The entry at a path. Symbolic links are followed within their file system; a dangling link is absent. */
export type GuestEntry =
  | { readonly kind: 'absent' }
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

export type ToGuestWorker =
  | { readonly type: 'look'; readonly id: number; readonly path: string }
  /** The reply to `read`. Without bytes, the disk could not be read there. */
  | { readonly type: 'bytes'; readonly id: number; readonly bytes: Uint8Array | undefined };

export type FromGuestWorker =
  | { readonly type: 'read'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly type: 'entry'; readonly id: number; readonly entry: GuestEntry }
  | { readonly type: 'failure'; readonly id: number; readonly message: string };

/** Reads one range of the volume. @throws {Error} the disk cannot be read there. */
export type ReadVolume = (offset: number, length: number) => Promise<Uint8Array>;

/** Access to the files of a guest by path. Paths begin with a slash. */
export interface GuestFileSystem {
  /** @throws {Error} the file system cannot be read there; outside of the worker a GuestUnreadableError. */
  look(path: string): Promise<GuestEntry>;
}
