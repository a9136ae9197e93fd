// The parts of one download.
import type { RangeMap } from '../base/range-map.ts';
import type { FreeSpaceReport } from '../base/skip-free.ts';
import type { EventListener } from '../events.ts';
import type { ReadTarget } from '../remote/read-target.ts';
import type { StateFile } from '../state/checkpoint-file.ts';
import type { DownloadCheckpoint } from '../state/download-checkpoint.ts';
import type { ExclusiveAccess } from '../state/exclusive-access.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import type { LocalImage } from '../target/local-image.ts';
import type { Progress } from '../transfer/progress.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import type { BlobSource } from './blob-source.ts';
import type { DownloadFacts, SavedDownload } from './saved-download.ts';
import type { Settings } from './settings.ts';
import type { SourceDisk } from './source-disk.ts';

/** One run, and what its caller closes. */
export interface DownloadRun {
  readonly settings: Settings;
  readonly file: StateFile<DownloadCheckpoint>;
  readonly access: ExclusiveAccess;
  readonly target: ReadTarget;
  readonly emit: EventListener;
  /** When it started, as `performance.now` measures. */
  readonly startMs: number;
}

/** The free space of the guest in a blob. */
export interface LeftOutOfBlob {
  readonly map: RangeMap;
  readonly report: FreeSpaceReport;
}

/** What is to be received. */
export interface DownloadPlan {
  readonly disk: SourceDisk;
  readonly facts: DownloadFacts;
  readonly manifest: ManifestReader | undefined;
  /** The free space of the guest that is not received; undefined without the option. */
  readonly leftOut: LeftOutOfBlob | undefined;
  /** The state that this run resumes. */
  readonly earlier: DownloadCheckpoint | undefined;
}

/** What is being received, and the file that it is written to. */
export interface Reception extends DownloadRun, DownloadPlan {
  readonly image: LocalImage;
  readonly source: BlobSource;
  readonly progress: Progress;
  readonly memory: WindowMemory;
  readonly saved: SavedDownload;
}
