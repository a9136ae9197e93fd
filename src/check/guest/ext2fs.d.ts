// The part of ext2fs that vhdup uses. ext2fs is libext2fs of e2fsprogs, compiled to WebAssembly, and ships no types.
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

  interface ExtFileHandle {
    readonly fd: number;
    stat(): Promise<ExtStats>;
    read(buffer: Buffer, bufferOffset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  }

  interface ExtFileSystem {
    readonly constants: { readonly O_RDONLY: number; readonly O_NOATIME: number };
    readonly promises: {
      open(path: string, flags: number): Promise<ExtFileHandle>;
      lstat(path: string): Promise<ExtStats>;
      readdir(path: string): Promise<string[]>;
    };
  }

  export function mount(disk: ExtDisk, offset?: number): Promise<ExtFileSystem>;
}
