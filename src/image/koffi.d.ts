// What is used of koffi, which is optional: declared here, so that vhdup can be built without it.
declare module 'koffi' {
  export type NativeValue = number | bigint;

  export interface NativeFunction {
    (...args: readonly unknown[]): NativeValue;
    /** Runs in another thread, and then calls the last argument with an error, or null and the result. */
    async(...args: readonly unknown[]): void;
  }

  interface NativeLibrary {
    func(declaration: string): NativeFunction;
  }

  /** @param path - Null: what the process has loaded already. */
  export function load(path: string | null): NativeLibrary;

  /** The error number of the last call in this thread. */
  export function errno(): number;
}
