// The part of postject that is used here. The package has no declarations.
declare module 'postject' {
  interface Options {
    readonly sentinelFuse: string;
    readonly machoSegmentName?: string;
  }

  /** Changes the file. @throws {Error} if it is no executable, or has no such fuse. */
  export function inject(filename: string, resourceName: string, resource: Buffer, options: Options): Promise<void>;
}
