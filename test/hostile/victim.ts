// A victim is a valid image that is damaged repeatedly, in one way at a time.
import type { Attacked } from './attack.ts';

export interface Victim {
  readonly name: string;
  /** The image to open: the damaged file, or a child of it. */
  readonly image: string;
  /** Damages a file. The seed alone determines how. */
  damage(seed: number): void;
  /** Restores the original image. */
  restore(): void;
  /** How it is read. @default as the image of a disk */
  attack?(): Promise<Attacked>;
}
