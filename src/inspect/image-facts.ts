// ImageFacts: what one image file says of itself, whether or not its disk can be read.
import type { DiskImageFormat } from '../image/disk-image.ts';

/** Texts are as they stand in the file, unescaped. Ids are 32 hexadecimal digits: of a VHD as they stand in the file, of a VHDX as a GUID is written. */
export interface ImageFacts {
  /** As it was given, or found. */
  readonly path: string;
  /** Length of the file in bytes. */
  readonly fileSize: number;
  /** Last modification of the file, ISO 8601. */
  readonly modified: string;
  /** Absent where it cannot be told. */
  readonly format?: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly diskSize?: number;
  /** In bytes; absent for a fixed VHD and a raw disk. */
  readonly blockSize?: number;
  /** In bytes. */
  readonly sectorSize?: { readonly logical: number; readonly physical: number };
  readonly creator?: {
    /** VHD: four characters, NULs and blanks at the end left out. VHDX: a text of any kind. */
    readonly application: string;
    readonly version?: string;
    /** Who that is, in words. */
    readonly name?: string;
    readonly operatingSystem?: string;
  };
  /** When a VHD was made, or last changed in certain ways, ISO 8601. A VHDX does not say. */
  readonly timestamp?: string;
  readonly ids: {
    /** VHD: what a child knows its parent by. */
    readonly uniqueId?: string;
    /** VHDX: changes when the contents of the disk may change; what a child knows its parent by. */
    readonly dataWriteGuid?: string;
    /** VHDX: changes when the file is opened to be written. */
    readonly fileWriteGuid?: string;
    /** VHDX: the id that the disk shows to a guest. Parent and child share it. */
    readonly page83Id?: string;
    /** Of the parent: its unique id (VHD), or its DataWriteGuid (VHDX). */
    readonly parentId?: string;
  };
  /** VHD. */
  readonly geometry?: {
    readonly cylinders: number;
    readonly heads: number;
    readonly sectorsPerTrack: number;
    /** What it covers, in bytes: less than the disk as a rule. */
    readonly size: number;
    /** Whether that differs from the disk by more than one cylinder: programs that go by it see another disk. Never so for the largest geometry, which says nothing. */
    readonly differs: boolean;
  };
  /** VHD: the machine was suspended, and a part of its state is not on the disk. */
  readonly savedState?: boolean;
  /** VHDX. `dirty`: the file was not closed cleanly, and is read as it is with its log replayed. */
  readonly log?: { readonly state: 'empty' | 'dirty'; readonly length: number; readonly entriesToReplay: number };
  /** Of a differencing image: what it says about where its parent is. */
  readonly parentReferences?: readonly { readonly source: string; readonly text: string }[];
}

/** What is the same for all formats. */
export type FileFacts = Pick<ImageFacts, 'path' | 'fileSize' | 'modified'>;
