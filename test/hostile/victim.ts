// Victim: a valid image that is damaged in one way after another.

export interface Victim {
  readonly name: string;
  /** The image to open: the damaged file, or a child of it. */
  readonly image: string;
  /** Damages a file, as the seed says and in no other way. */
  damage(seed: number): void;
  /** Makes it whole again. */
  restore(): void;
}
