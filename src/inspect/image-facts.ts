// ImageFacts: the properties that one image file states, even if its disk cannot be read.
import type { DiskImageFormat } from '../image/disk-image.ts';

/** Texts are unescaped, as stored in the file. Ids are 32 hexadecimal digits: for a VHD in file order, for a VHDX in the order of a written GUID. */
export interface ImageFacts {
  /** The path as given, or as found for a parent. */
  readonly path: string;
  /** Length of the file in bytes. */
  readonly fileSize: number;
  /** Last modification of the file, ISO 8601. */
  readonly modified: string;
  /** Absent if it cannot be detected. */
  readonly format?: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly diskSize?: number;
  /** In bytes; absent for a fixed VHD and a raw disk. */
  readonly blockSize?: number;
  /** In bytes. */
  readonly sectorSize?: { readonly logical: number; readonly physical: number };
  readonly creator?: {
    /** VHD: four characters without trailing NULs and blanks. VHDX: free text. */
    readonly application: string;
    readonly version?: string;
    /** Name of the program, if known. */
    readonly name?: string;
    readonly operatingSystem?: string;
  };
  /** When a VHD was created or last changed in certain ways, in ISO 8601. A VHDX does not record it. */
  readonly timestamp?: string;
  readonly ids: {
    /** VHD: the id by which a child identifies its parent. */
    readonly uniqueId?: string;
    /** VHDX: changes when the contents of the disk may change. A child identifies its parent by it. */
    readonly dataWriteGuid?: string;
    /** VHDX: changes when the file is opened for writing. */
    readonly fileWriteGuid?: string;
    /** VHDX: the id that the guest sees. A parent and its children share it. */
    readonly page83Id?: string;
    /** Id of the parent: its unique id (VHD) or its DataWriteGuid (VHDX). */
    readonly parentId?: string;
  };
  /** VHD. */
  readonly geometry?: {
    readonly cylinders: number;
    readonly heads: number;
    readonly sectorsPerTrack: number;
    /** Bytes that the geometry covers, usually less than the disk. */
    readonly size: number;
    /** Whether that differs from the disk by more than one cylinder, so that programs that use the geometry see another disk. Always false for the largest geometry, which carries no information. */
    readonly differs: boolean;
  };
  /** VHD: the machine was suspended, so a part of its state is not on the disk. */
  readonly savedState?: boolean;
  /** VHDX. `dirty`: the file was not closed cleanly, so it is read with its log replayed. */
  readonly log?: { readonly state: 'empty' | 'dirty'; readonly length: number; readonly entriesToReplay: number };
  /** Paths of the parent that a differencing image names. */
  readonly parentReferences?: readonly { readonly source: string; readonly text: string }[];
}

/** The facts that all formats have. */
export type FileFacts = Pick<ImageFacts, 'path' | 'fileSize' | 'modified'>;
