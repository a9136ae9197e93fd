// The part of fatfs that vhdup uses. fatfs implements FAT12, FAT16 and FAT32 in JavaScript, and ships no types.
declare module 'fatfs' {
  interface FatVolume {
    readonly sectorSize: number;
    readonly numSectors: number;
    /** Without `writeSectors`, the file system is read-only. */
    readSectors(sector: number, into: Buffer, done: (error: Error | null) => void): void;
  }

  interface FatStats {
    readonly size: number;
    isFile(): boolean;
  }

  /** Errors have codes without the E: NOENT, NOTDIR, ISDIR. */
  type Done<Value> = (error: Error | null, value: Value) => void;

  interface FatFileSystem {
    once(event: 'ready', listener: () => void): FatFileSystem;
    on(event: 'error', listener: (error: Error) => void): FatFileSystem;
    stat(path: string, done: Done<FatStats>): void;
    readdir(path: string, done: Done<string[]>): void;
    open(path: string, flags: 'r', done: Done<number>): void;
    read(file: number, buffer: Buffer, offset: number, length: number, position: number, done: Done<number>): void;
  }

  export function createFileSystem(volume: FatVolume, options: { readonly ro: true }): FatFileSystem;
}
