// add-azurevhd in PowerShell itself. Skipped where it is not installed.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasPowerShell, NO_POWERSHELL, powershell } from '../../support/powershell.ts';
import { buildImage, expectBlobIs, SMALL_DISK } from '../../support/spread-disk.ts';
import { blobUrl, CONTAINER, server, storedBlob, useServer } from '../../support/target-server.ts';

/** Just large enough that no rule warns about it. */
const DISK = { ...SMALL_DISK, size: 20 * 1024 * 1024 };

useServer();

beforeEach((context) => {
  if (!hasPowerShell) context.skip(NO_POWERSHELL);
});

describe('in PowerShell', () => {
  it('a list of images in a CSV is uploaded, one after another', async () => {
    const names = ['one.vhd', "it's two.vhd"];
    const rows: string[] = [];
    for (const name of names) {
      const path = await buildImage(DISK, { name });
      const url = server.sasUrl({ container: CONTAINER, blob: name, permissions: 'rw' });
      rows.push(`"${path}","${url}"`);
    }
    const csv = join(dirname(await buildImage(DISK)), 'list.csv');
    await writeFile(csv, ['LocalFilePath,Destination', ...rows].join('\n'));
    const out = await powershell(`
      $results = Import-Csv '${csv}' | ForEach-Object {
        add-azurevhd -Destination $_.Destination -LocalFilePath $_.LocalFilePath --json | ConvertFrom-Json
      }
      $results | ForEach-Object { $_.DestinationUri }
      $LASTEXITCODE`);
    expect(out).toEqual([...names.map((name) => server.urlOf(CONTAINER, name)), '0']);
    for (const name of names) expectBlobIs(DISK, server.blob(CONTAINER, name));
  });

  it('switches with a value, names with a colon and other dashes reach the parameters', async () => {
    const path = await buildImage(DISK, { name: 'a b.vhd' });
    const url = blobUrl();
    const out = await powershell(
      `
      add-azurevhd -dst:$env:URL \u2013lf:$env:FILE -OverWrite:$false \u2014th 2 | Out-Null
      $LASTEXITCODE
      add-azurevhd -dst $env:URL -lf $env:FILE -OverWrite:$true -Verbose:$false | Out-Null
      $LASTEXITCODE`,
      { URL: url, FILE: path },
    );
    expect(out).toEqual(['0', '0']);
    expectBlobIs(DISK, storedBlob());
  });

  it('the exit code of a refused upload is in $LASTEXITCODE, and the names of files stay what they are', async () => {
    const path = await buildImage(DISK, { name: '\u78c1\u76d8.vhd' });
    server.createPageBlob(CONTAINER, 'disk.vhd', 1024);
    const out = await powershell(
      `
      add-azurevhd -dst $env:URL -lf $env:FILE 2>$null
      $LASTEXITCODE
      $context = add-azurevhd -dst $env:URL -lf $env:FILE -OverWrite --json | ConvertFrom-Json
      $context.LocalFilePath -eq $env:FILE`,
      { URL: blobUrl(), FILE: path },
    );
    expect(out).toEqual(['6', 'True']);
  });
});
