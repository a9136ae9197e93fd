// Jobs of the module, and what stops an upload: Stop-Job, Ctrl-C, the end of PowerShell itself. The same command resumes.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WINDOW_SIZE } from '../../../../src/base/byte-range.ts';
import { uploadImage } from '../../../../src/upload/upload.ts';
import { holdFrom } from '../../../support/contested-blob.ts';
import { hasPowerShell, NO_POWERSHELL, startPowershell } from '../../../support/powershell.ts';
import { buildImage, expectBlobIs, PIECE, SMALL_DISK, spreadDisk } from '../../../support/spread-disk.ts';
import {
  blobUrl,
  hasCommitted,
  isComplete,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../../../support/target-server.ts';

/** Twelve windows of 4 MiB. */
const LONG = spreadDisk(12);

useServer();

beforeEach((context) => {
  if (!hasPowerShell) context.skip(NO_POWERSHELL);
});

/** Whether the checkpoint is saved and the lease of the run released: it stopped in order. */
function hasStopped(image: string): boolean {
  return (
    existsSync(`${image}.vhdup.json`) &&
    !existsSync(`${image}.vhdup.json.lock`) &&
    storedBlob().lease.state(Date.now()) !== 'leased'
  );
}

/** Nothing tells the test when a process has removed its files. */
async function untilStopped(image: string): Promise<void> {
  await vi.waitFor(() => expect(hasStopped(image)).toBe(true), { timeout: 30_000, interval: 50 });
}

/** The arguments of all processes, each in a line. */
function commandLines(): string {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids
    .map((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        // It has exited.
        return '';
      }
    })
    .join('\n');
}

/** In this process: the module has nothing to do with it. */
async function resume(image: string, url: string): Promise<void> {
  const result = await uploadImage({ image, destination: url });
  expect(result.sentBefore).toBeGreaterThanOrEqual(PIECE);
  // Nothing is in doubt after an orderly stop.
  expect(result.verified).toBe('ranges');
  expectBlobIs(LONG, storedBlob());
  expect(isComplete()).toBe(true);
}

describe('jobs', () => {
  it.each([
    ['in a thread', '', 'VhdUploadContext'],
    // As in Windows PowerShell 5.1, which has no Start-ThreadJob.
    ['in a process', "$PSModuleAutoLoadingPreference = 'None'", 'Deserialized.VhdUploadContext'],
  ])('upload %s, and end with the typed object or the error', async (_, prepare, type) => {
    const image = await buildImage(SMALL_DISK);
    const { ended } = await startPowershell(
      `Set-Location -LiteralPath (Split-Path -Parent $env:FILE)
      Write-Progress -Activity none -Completed
      ${prepare}
      $jobs = @(Add-VhdupVhd disk.vhd $env:URL -OverWrite:$false -AsJob -WarningAction SilentlyContinue)
      $jobs += Test-VhdupVhd disk.vhd -AsJob
      $jobs += Add-VhdupVhd none.vhd $env:URL -AsJob
      $result = Receive-Job $jobs[0] -Wait
      $result.PSObject.TypeNames[0]
      "$($result.DestinationUri)"
      (Receive-Job $jobs[1] -Wait).Result
      try { Receive-Job $jobs[2] -Wait -ErrorAction Stop } catch { "$_" -like '*no such file*' }
      (@($jobs[2]) + $jobs[2].ChildJobs).JobStateInfo.Reason.ErrorRecord.FullyQualifiedErrorId
      $jobs.State -join ' '`,
      { FILE: image, URL: blobUrl() },
    );
    expect((await ended).trim().split('\n').slice(1)).toEqual([
      type,
      blobUrl().replace(/\?.*/, ''),
      'fail',
      'True',
      expect.stringMatching(/^IMAGE_ACCESS,/),
      'Completed Completed Failed',
    ]);
    expectBlobIs(SMALL_DISK, storedBlob());
  });

  it.each([
    ['in a thread', ''],
    ['in a process', "$PSModuleAutoLoadingPreference = 'None'"],
  ])('are stopped by Stop-Job %s, so that the upload resumes', async (_, prepare) => {
    const image = await buildImage(LONG);
    const url = blobUrl();
    const hold = holdFrom(3 * WINDOW_SIZE);
    const { ended } = await startPowershell(
      `${prepare}
      $job = Add-VhdupVhd $env:FILE $env:URL -NumberOfUploaderThreads 1 -AsJob
      while (-not (Test-Path -LiteralPath "$($env:FILE).stop")) { Start-Sleep -Milliseconds 20 }
      Stop-Job $job
      $job.State`,
      { FILE: image, URL: url },
    );
    await server.when(() => hasCommitted(3 * PIECE));
    await writeFile(`${image}.stop`, '');
    expect(await ended).toContain('Stopped');
    await untilStopped(image);
    expect(isComplete()).toBe(false);
    hold.release();
    await resume(image, url);
  });
});

describe('an upload', () => {
  it.each([
    ['Ctrl-C', 'SIGINT'],
    ['the end of PowerShell', 'SIGKILL'],
  ] as const)('is stopped by %s in order, and resumes', async (_, signal) => {
    const image = await buildImage(LONG);
    const url = blobUrl();
    const hold = holdFrom(3 * WINDOW_SIZE);
    const { kill, ended } = await startPowershell('Add-VhdupVhd $env:FILE $env:URL -NumberOfUploaderThreads 1', {
      FILE: image,
      URL: url,
    });
    await server.when(() => hasCommitted(3 * PIECE));
    kill(signal);
    await ended;
    await untilStopped(image);
    expect(isComplete()).toBe(false);
    await vi.waitFor(() => expect(commandLines().includes(image)).toBe(false), { timeout: 30_000 });
    hold.release();
    await resume(image, url);
  });

  it('shows no secret in the list of processes, in a transcript or in its files', async () => {
    await restartServer({ model: { latencyMs: 100 } });
    const image = await buildImage(spreadDisk(6));
    const url = blobUrl();
    const signature = decodeURIComponent(new URL(url).searchParams.get('sig') ?? '');
    const pieces = signature.split(/[^A-Za-z0-9]/).filter(({ length }) => length >= 6);
    expect(pieces).not.toEqual([]);
    const { ended } = await startPowershell(
      `Start-Transcript -LiteralPath "$($env:FILE).txt" | Out-Null
      Add-VhdupVhd $env:FILE $env:URL -NumberOfUploaderThreads 1 -Verbose
      try { Add-VhdupVhd $env:FILE $env:URL } catch { $_ | Format-List * -Force }
      Stop-Transcript | Out-Null`,
      { FILE: image, URL: url },
    );
    await server.when(() => hasCommitted(2 * PIECE));
    const processes = commandLines();
    const texts = [processes, await ended, await readFile(`${image}.txt`, 'utf8')];
    // The list has processes of others, which a failure must not print.
    expect(processes.includes(`upload ${image} --json`)).toBe(true);
    expect(texts[2]).toContain('DESTINATION,Add-VhdupVhd');
    for (const piece of pieces) for (const text of texts) expect(text.includes(piece)).toBe(false);
    expect(readdirSync(dirname(image)).sort()).toEqual(['disk.vhd', 'disk.vhd.txt']);
  });
});
