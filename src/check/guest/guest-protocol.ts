// What the thread that reads a guest's file system and the thread that asks it say to one another.

export type GuestFileSystemKind = 'ext' | 'fat';

/** What the worker is started with. */
export interface GuestWorkerData {
  readonly kind: GuestFileSystemKind;
  /** Of the volume, in bytes. */
  readonly size: number;
}

/** What lies at a path. A symbolic link is followed inside its file system; one that leads nowhere is absent. */
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

/** As much of a file as is read: configuration files are small, and a hostile size must not fill the memory. */
export const MAX_GUEST_FILE = 1024 * 1024;

export type ToGuestWorker =
  | { readonly type: 'look'; readonly id: number; readonly path: string }
  /** The answer to `read`. Without bytes, the disk could not be read there. */
  | { readonly type: 'bytes'; readonly id: number; readonly bytes: Uint8Array | undefined };

export type FromGuestWorker =
  | { readonly type: 'read'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly type: 'entry'; readonly id: number; readonly entry: GuestEntry }
  | { readonly type: 'failure'; readonly id: number; readonly message: string };

/** Reads one range of the volume. @throws {Error} the disk cannot be read there. */
export type ReadVolume = (offset: number, length: number) => Promise<Uint8Array>;

/** The files of a guest, by their paths, which begin with a slash. */
export interface GuestFileSystem {
  /** @throws {Error} the file system cannot be read there; outside of the worker a GuestUnreadableError. */
  look(path: string): Promise<GuestEntry>;
}
