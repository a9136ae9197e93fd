// What is used of ext2fs, which has no types of its own: libext2fs of e2fsprogs, compiled to WebAssembly.
declare module 'ext2fs' {
  interface ExtDisk {
    read(buffer: Buffer, bufferOffset: number, length: number, offset: number): Promise<unknown>;
    write(): Promise<unknown>;
    discard(): Promise<unknown>;
    flush(): Promise<unknown>;
  }

  interface ExtStats {
    readonly size: number;
    isFile(): boolean;
    isDirectory(): boolean;
    isSymbolicLink(): boolean;
  }

  interface ExtFileSystem {
    readonly constants: { readonly O_RDONLY: number; readonly O_NOATIME: number };
    readonly promises: {
      open(path: string, flags: number): Promise<number>;
      close(file: number): Promise<void>;
      fstat(file: number): Promise<ExtStats>;
      lstat(path: string): Promise<ExtStats>;
      read(
        file: number,
        buffer: Buffer,
        bufferOffset: number,
        length: number,
        position: number,
      ): Promise<{ bytesRead: number }>;
      readdir(path: string): Promise<string[]>;
    };
  }

  export function mount(disk: ExtDisk, offset?: number): Promise<ExtFileSystem>;
}
