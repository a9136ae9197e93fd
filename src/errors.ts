// Every way in which vhdup can fail: one class per cause that a caller can act on, each with a stable code and an exit code.

/** Exit codes of the command line, by kind of failure. The README documents them; they never change their meaning. */
export const EXIT_CODES = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  image: 3,
  parentImage: 4,
  imageChanged: 5,
  destination: 6,
  checkpoint: 7,
  credentials: 8,
  service: 9,
  verification: 10,
  localFile: 11,
  inUse: 12,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const;

/** The base of all errors that vhdup raises on purpose. Anything else that reaches the caller is a bug of ours. */
export abstract class VhdupError extends Error {
  /** Stable, upper-case: what a script compares. */
  abstract readonly code: string;
  /** What the command line exits with. */
  abstract readonly exitCode: number;
  override get name(): string {
    return this.constructor.name;
  }
}

/** An option or argument that cannot be used as given. */
export class UsageError extends VhdupError {
  readonly code = 'USAGE';
  readonly exitCode = EXIT_CODES.usage;
}

/** A file that cannot be opened or read as an image: absent, not a regular file, held by another process, an I/O error. */
export class ImageAccessError extends VhdupError {
  readonly code = 'IMAGE_ACCESS';
  readonly exitCode = EXIT_CODES.image;
}

/** A file that breaks the rules of the format it claims to be in. */
export class CorruptImageError extends VhdupError {
  readonly code = 'IMAGE_CORRUPT';
  readonly exitCode = EXIT_CODES.image;
}

/** A file in a format, or a variant of one, that vhdup does not read on purpose. */
export class UnsupportedImageError extends VhdupError {
  readonly code = 'IMAGE_UNSUPPORTED';
  readonly exitCode = EXIT_CODES.image;
}

/** The parent of a differencing image was not found, or what was found is not it. */
export class ParentImageError extends VhdupError {
  readonly code = 'PARENT_IMAGE';
  readonly exitCode = EXIT_CODES.parentImage;
}

/** The image, or one of its parents, is not what it was when reading began. */
export class ImageChangedError extends VhdupError {
  readonly code = 'IMAGE_CHANGED';
  readonly exitCode = EXIT_CODES.imageChanged;
}
