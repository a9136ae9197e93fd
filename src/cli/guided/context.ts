// What the steps of the guided upload share.
import type { EventListener } from '../../events.ts';
import type { ArmArguments } from '../commands/arm-options.ts';
import type { BlobArguments } from '../commands/blob-options.ts';
import type { DiskArguments } from '../commands/disk-options.ts';
import type { SasArguments } from '../commands/sas-options.ts';
import type { ImageArguments } from '../commands/shared-options.ts';
import type { Dialogue } from './dialogue.ts';
import type { RecentDestination, RecentDestinations } from './recent-destinations.ts';

/** The options of `vhdup upload` that answer a question or change one. The others only belong to the command. */
export interface GuidedArguments extends ImageArguments, ArmArguments, SasArguments, DiskArguments, BlobArguments {
  readonly base: string | undefined;
  readonly contentMd5: boolean;
  readonly deleteSnapshots: boolean;
  readonly breakLease: boolean;
  readonly metadata: readonly string[];
  readonly checkpoint: string | undefined;
  readonly skipFree: string | undefined;
  readonly restart: boolean;
  readonly overwrite: boolean;
  readonly resumeFromBlob: boolean;
  readonly createContainer: boolean;
  readonly skipChecks: boolean;
}

export interface GuideContext {
  readonly args: GuidedArguments;
  readonly environment: NodeJS.ProcessEnv;
  readonly dialogue: Dialogue;
  readonly recent: RecentDestinations;
  /** For requests that answer a question. */
  readonly onEvent: EventListener;
  /** Kinds of destination that the options leave open. */
  readonly kinds: DestinationKinds;
  /** An earlier run of the image. */
  readonly unfinished?: {
    /** What its checkpoint calls its destination. */
    readonly url: string;
    /** What the chosen destination is called if it is the same: "to be resumed". */
    readonly note: string;
  };
  /** Where the image before this one goes. */
  readonly previous?: GuidedTarget;
}

/** At least one. */
export interface DestinationKinds {
  readonly blob: boolean;
  readonly disk: boolean;
  /** Name of the option that excludes the other kind. */
  readonly because: string | undefined;
}

/** An image that can be uploaded. */
export interface GuidedImage {
  readonly path: string;
  /** Virtual size in bytes. */
  readonly size: number;
  /** Bytes that the image allocates: no more is sent. */
  readonly allocated: number;
  /** Paths of the files that it is read with. */
  readonly parents: readonly string[];
  /** Options without which it cannot be read. */
  readonly words: readonly string[];
  readonly fitsPageBlob: boolean;
  /** Whether the kind of its operating system is known. */
  readonly hasKnownSystem: boolean;
}

/** Where an image goes. */
export interface GuidedTarget {
  /** The words of the command behind the image. May contain a SAS. */
  readonly words: readonly string[];
  /** The same without a secret, for the user to keep. */
  readonly shownWords: readonly string[];
  /** One line each. */
  readonly title: string;
  readonly access: string;
  /** What the checkpoint calls it: a URL without a SAS. Undefined if that is not known yet. */
  readonly url?: string;
  /** Absent if nothing of it can be used again. */
  readonly remembered?: RecentDestination;
  /** Asks for a target in the same place, with the same access. */
  readonly again?: (image: GuidedImage) => Promise<GuidedTarget | undefined>;
}

/** Without what only belongs to one image. */
export function ofAnyImage({ unfinished: _, previous: __, ...context }: GuideContext): GuideContext {
  return context;
}

/** `words` with options that the command line does not have yet: yargs refuses some that are repeated. */
export function unlessGiven(isGiven: boolean, ...words: readonly string[]): readonly string[] {
  return isGiven ? [] : words;
}
