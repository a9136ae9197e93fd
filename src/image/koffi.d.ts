// The part of koffi that vhdup uses. koffi is optional; this declaration allows a build without it.
declare module 'koffi' {
  export type NativeValue = number | bigint;

  export interface NativeFunction {
    (...args: readonly unknown[]): NativeValue;
    /** Runs in another thread and then calls the last argument with an error, or with null and the result. */
    async(...args: readonly unknown[]): void;
  }

  interface NativeLibrary {
    func(declaration: string): NativeFunction;
  }

  export const version: string;

  /** @param path - Null for the libraries that the process has already loaded. */
  export function load(path: string | null): NativeLibrary;

  /** The error number of the last call in this thread. */
  export function errno(): number;
}
