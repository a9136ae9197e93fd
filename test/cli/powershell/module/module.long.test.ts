// The module in PowerShell, against the strict server.
import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { codeBlocks, readDocument } from '../../../support/documents.ts';
import { startManagedDisks } from '../../../support/managed-disks.ts';
import {
  hasPowerShell,
  MODULE_FOLDER,
  NO_POWERSHELL,
  PowershellSession,
  powershell,
} from '../../../support/powershell.ts';
import { buildImage, expectBlobIs, SMALL_DISK, spreadDisk } from '../../../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, requestsOf, server, storedBlob, useServer } from '../../../support/target-server.ts';
import { temporaryFolder } from '../../../support/vhd-fixtures.ts';

/** Just large enough that no rule warns about it. */
const DISK = { ...SMALL_DISK, size: 20 * 1024 * 1024 };
const CHINESE = '\u78c1\u76d8 [1].vhd';

useServer();

beforeEach((context) => {
  if (!hasPowerShell) context.skip(NO_POWERSHELL);
});

let session: PowershellSession;

beforeAll(async () => {
  if (hasPowerShell) session = await PowershellSession.start();
});

afterAll(() => session?.close());

/** A script that returns what is known of the error. */
const CAUGHT = `catch {
  @{ Id = $_.FullyQualifiedErrorId; Category = "$($_.CategoryInfo.Category)"; Message = "$_"; Next = $_.ErrorDetails.RecommendedAction
     Target = $_.TargetObject; ExitCode = $_.Exception.Data['ExitCode'] }
}`;

describe('Add-VhdupVhd', () => {
  it('uploads, and returns a typed context without the SAS', async () => {
    const image = await buildImage(DISK, { name: CHINESE });
    const found = await session.run(
      `$context = Add-VhdupVhd -LocalFilePath $env:FILE -Destination $env:URL
      @{ Type = $context.PSObject.TypeNames[0]; File = $context.LocalFilePath.GetType().Name; Path = $context.LocalFilePath.FullName
         Uri = $context.DestinationUri.GetType().Name; Url = $context.DestinationUri.OriginalString; Verified = $context.Verified
         View = ($context | Out-String -Width 200) }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found).toMatchObject({
      ...{ Type: 'VhdUploadContext', File: 'FileInfo', Path: image, Uri: 'Uri', Url: server.urlOf(CONTAINER, BLOB) },
      ...{ Verified: 'ranges', View: expect.stringMatching(/LocalFilePath +: .*\nDestinationUri : http:.*\n/) },
    });
    expectBlobIs(DISK, storedBlob());
    // As the cmdlet does.
    expect(storedBlob().contentMd5).toBeDefined();
  });

  it('takes a SAS and a key as they are typed in, and never as arguments', async () => {
    const image = await buildImage(DISK);
    const [url = '', sas = ''] = blobUrl().split('?');
    const found = await session.run(
      `$secure = ConvertTo-SecureString $env:SAS -AsPlainText -Force
      $one = Add-VhdupVhd $env:FILE $env:URL -Sas $secure
      $two = Add-VhdupVhd $env:FILE $env:URL -Sas "?$($env:SAS)" -OverWrite
      $three = try { Add-VhdupVhd $env:FILE "$($env:URL)?$($env:SAS)" -Sas $secure } ${CAUGHT}
      $env:AZURE_STORAGE_SAS_TOKEN = 'sv=1&sig=another'
      $four = Add-VhdupVhd $env:FILE $env:URL -StorageKey (ConvertTo-SecureString $env:KEY -AsPlainText -Force) -OverWrite
      $env:AZURE_STORAGE_SAS_TOKEN = ''
      @{ One = $one.Verified; Two = $two.Verified; Three = $three; Four = $four.Verified }`,
      { FILE: image, URL: url, SAS: sas, KEY: server.key },
    );
    expect(found).toMatchObject({ One: 'ranges', Two: 'ranges', Three: { Id: 'USAGE,Add-VhdupVhd' }, Four: 'ranges' });
  });

  it('hides a SAS that is joined to the URL in another way than by a question mark', async () => {
    const image = await buildImage(DISK);
    const [url = '', sas = ''] = blobUrl().split('?');
    const signature = /sig=([^&]+)/.exec(sas)?.[1] ?? '';
    for (const joint of ['&', '%3F', '%253f', '\n', '']) {
      const found = await session.run(
        `$verbose = try { Add-VhdupVhd $env:FILE $env:URL -WhatIf -Verbose 4>&1 6>&1 2>&1 3>&1 | Out-String } ${CAUGHT}
        $caught = try { Add-VhdupVhd $env:FILE $env:URL -SasFile nowhere } ${CAUGHT}
        @{ Text = $verbose; Caught = $caught }`,
        { FILE: image, URL: `${url}${joint}${sas}` },
      );
      expect(JSON.stringify(found), JSON.stringify(joint)).not.toContain(signature);
    }
  });

  it('uploads the rows of a CSV, and files from a folder to names that are computed', async () => {
    const folder = await temporaryFolder();
    const names = ['one.vhd', "it's [two].vhd"];
    const urls = names.map((name) => server.sasUrl({ container: CONTAINER, blob: name, permissions: 'rw' }));
    for (const name of names) await rename(await buildImage(DISK, { name }), join(folder, name));
    const rows = names.map((name, index) => `"./${name}","${urls[index]}"`);
    await writeFile(join(folder, 'list.csv'), ['LocalFilePath,Destination', ...rows].join('\n'));
    const sas = server.sasUrl({ container: CONTAINER, permissions: 'rwc' }).split('?')[1] ?? '';
    const found = await session.run(
      `Set-Location -LiteralPath $env:FOLDER
      $rows = Import-Csv list.csv | Add-VhdupVhd
      $files = Get-ChildItem *.vhd | Sort-Object Name | Add-VhdupVhd -Destination { "$($env:ROOT)/copy-$($_.BaseName).vhd?$($env:SAS)" }
      @{ Rows = @($rows.LocalFilePath.Name); Files = @($files.DestinationUri.Segments | Where-Object { $_ -like 'copy*' }) }`,
      { FOLDER: folder, ROOT: server.urlOf(CONTAINER, 'x').replace(/\/x$/, ''), SAS: sas },
    );
    expect(found.Rows).toEqual(names);
    expect(found.Files).toHaveLength(2);
    for (const name of [...names, 'copy-one.vhd']) expectBlobIs(DISK, server.blob(CONTAINER, name));
  });

  it('takes columns that need a conversion as docs/powershell.md shows', async () => {
    const blocks = codeBlocks(await readDocument('docs/powershell.md'));
    const example = blocks.find(({ lines }) => lines.some((line) => line.includes('@more')))?.lines.join('\n') ?? '';
    const image = await buildImage(DISK);
    server.createPageBlob(CONTAINER, 'old.vhd', 1024);
    const urls = ['old.vhd', 'new.vhd'].map((blob) => server.sasUrl({ container: CONTAINER, blob, permissions: 'rw' }));
    const rows = [`${image},${urls[0]},true,`, `${image},${urls[1]},,20MiB/s`];
    await writeFile(
      join(dirname(image), 'list.csv'),
      ['LocalFilePath,Destination,OverWrite,MaxRate', ...rows].join('\n'),
    );
    const found = await session.run(
      `Set-Location -LiteralPath $env:FOLDER
      $contexts = @(${example})
      $direct = @(Import-Csv list.csv | Add-VhdupVhd -ErrorAction Continue 2>&1)
      @{ Verified = @($contexts.Verified); Direct = @($direct | ForEach-Object FullyQualifiedErrorId) }`,
      { FOLDER: dirname(image) },
    );
    expect(found.Verified).toEqual(['ranges', 'ranges']);
    for (const name of ['old.vhd', 'new.vhd']) expectBlobIs(DISK, server.blob(CONTAINER, name));
    // Both rows are refused by PowerShell, and the second in spite of the first.
    const refused = 'ParameterArgumentTransformationError,Add-VhdupVhd';
    expect(found.Direct).toEqual([refused, refused]);
  });

  it('finds files from the location of PowerShell, whatever the folder of its process is', async () => {
    const image = await buildImage(DISK, { name: CHINESE });
    const found = await session.run(
      `New-PSDrive -Name images -PSProvider FileSystem -Scope Global -Root (Split-Path -Parent $env:FILE) | Out-Null
      Set-Location images:/
      $relative = Add-VhdupVhd (Split-Path -Leaf $env:FILE) $env:URL
      Set-Location Env:
      $elsewhere = Add-VhdupVhd -LocalFilePath "images:/$(Split-Path -Leaf $env:FILE)" -Destination $env:URL -OverWrite
      $path = (Get-Item -LiteralPath $env:FILE).PSPath | Add-VhdupVhd -Destination $env:URL -OverWrite -Checkpoint images:/c.json
      $other = try { Add-VhdupVhd -LocalFilePath Env:/PATH -Destination $env:URL } ${CAUGHT}
      @{ Paths = @($relative, $elsewhere, $path).LocalFilePath.FullName; Other = $other }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found.Paths).toEqual([image, image, image]);
    expect(found.Other).toMatchObject({ Id: 'USAGE,Add-VhdupVhd', Message: 'Env:/PATH is not a file.' });
  });

  it('shows with -WhatIf what would be sent, and writes nothing', async () => {
    const image = await buildImage(DISK);
    const found = await session.run(
      `function Test-Caller { $WhatIfPreference = $true; Add-VhdupVhd $env:FILE $env:URL }
      $plan = Add-VhdupVhd $env:FILE $env:URL -WhatIf
      $alone = Add-VhdupVhd $env:FILE -WhatIf
      $caller = Test-Caller
      @{ Types = @($plan, $alone, $caller | ForEach-Object { $_.PSObject.TypeNames[0] }); Send = $plan.Send; Uri = "$($plan.DestinationUri)" }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found).toMatchObject({ Send: 4096 + 512, Uri: server.urlOf(CONTAINER, BLOB) });
    expect(found.Types).toEqual(['VhdUploadPlan', 'VhdUploadPlan', 'VhdUploadPlan']);
    expect(requestsOf('PutPage')).toEqual([]);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });

  it('returns a plan, not a context, where VHDUP_DRY_RUN makes a dry run', async () => {
    const image = await buildImage(DISK);
    const found = await session.run(
      `$env:VHDUP_DRY_RUN = '1'
      try { (Add-VhdupVhd $env:FILE $env:URL).PSObject.TypeNames[0] } finally { $env:VHDUP_DRY_RUN = '' }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found).toBe('VhdUploadPlan');
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });

  it('refuses a URL as the file, a drive that does not exist, and words that are left over', async () => {
    const found = await session.run(
      `function Test-Call { param($Code) try { & $Code } ${CAUGHT} }
      $url = $env:URL
      @{ Swapped = Test-Call { Add-AzureVhd $url disk.vhdx }; SwappedBack = Test-Call { Save-VhdupVhd disk.vhd $url }
         Url = Test-Call { Get-VhdupVhd $url }; Drive = Test-Call { Add-VhdupVhd Q:\\x.vhd $url }
         Folder = Test-Call { Add-VhdupVhd disk.vhd $url -Checkpoint Q:/c.json }
         Rest = Test-Call { Add-AzVhd rg disk.vhdx $url }; Save = Test-Call { Save-AzVhd rg $url out.vhd }
         Source = Test-Call { Save-VhdupVhd -LocalFilePath out.vhd }
         Unknown = Test-Call { Test-VhdupVhd disk.vhd -Foo:1 }; Option = Test-Call { Add-VhdupVhd disk.vhd $url --max-rate=5 }
         Handled = Test-Call { Get-VhdupVhd disk.vhd --json } }`,
      { URL: blobUrl() },
    );
    const plain = server.urlOf(CONTAINER, BLOB);
    expect(found.Swapped).toMatchObject({
      ...{ Id: 'USAGE,Add-VhdupVhd', Target: plain },
      Message:
        'The file and the URL are swapped: Add-AzureVhd takes the file, then the URL. Write the names of the parameters: Add-AzureVhd -LocalFilePath FILE -Destination URL.',
    });
    expect(found.SwappedBack.Message).toContain('Save-VhdupVhd takes the URL, then the file.');
    expect(found.Url).toMatchObject({ Id: 'USAGE,Get-VhdupVhd', Message: `${plain} is a URL, not a file.` });
    expect(found.Drive).toMatchObject({
      ...{
        Id: 'USAGE,Add-VhdupVhd',
        Target: 'Q:\\x.vhd',
        Message: 'Q:\\x.vhd is not a file: the drive does not exist.',
      },
    });
    expect(found.Folder).toMatchObject({ Id: 'USAGE,Add-VhdupVhd', Target: 'Q:/c.json' });
    expect(found.Rest.Message).toBe(
      `'${plain}' is one word too many: without names, Add-AzVhd takes only the file, then the URL. Write the names of the parameters: Add-AzVhd -LocalFilePath FILE -Destination URL.`,
    );
    expect(found.Save.Message).toContain('Save-AzVhd -SourceUri URL -LocalFilePath FILE.');
    expect(found.Source.Message).toBe(
      'The source is missing: give -SourceUri URL, or -DiskName NAME -ResourceGroupName GROUP.',
    );
    expect(found.Unknown.Message).toMatch(/^Test-VhdupVhd has no parameter -Foo\./);
    expect(found.Handled.Message).toMatch(/^Get-VhdupVhd has no parameter --json\./);
    expect(found.Option.Message).toBe('An option of vhdup is a parameter here: write -MaxRate.');
  });

  it('shows no piece of a SAS or a key that is given as a file, as a word too many or as the destination', async () => {
    const key = randomBytes(64).toString('base64');
    const signature = randomBytes(32).toString('base64');
    const encoded = encodeURIComponent(signature);
    const url = 'https://acct.blob.core.windows.net/vhds/disk.vhd';
    const sas = `sv=2024-11-04&sr=c&sp=rw&sig=${encoded}`;
    const texts = [
      ...[
        sas,
        `?${sas}`,
        `SAS: ?${sas}`,
        `sas:${sas}`,
        `SAS:\n${sas}`,
        `"${url}?${sas}"`,
        `x:\\y?${sas}`,
        `azure://a/b?${sas}`,
      ],
      ...[JSON.stringify({ accessSas: `${url}?${sas}` }), `BlobEndpoint=${url};SharedAccessSignature=${sas}`],
      ...['%3D', '%%3D', '%253D', '\\u003d', '&#61;', '&#x3d;', '\\=', '^=', '`='].map(
        (sign) => `x:sig${sign}${encoded}`,
      ),
      ...[`${url}\\u003fsv\\u003d1\\u0026sig\\u003d${signature}`, `{"sig": "${signature}"}`],
      ...[
        key,
        `key: ${key}`,
        `key: ${key.slice(0, -2)}`,
        encodeURIComponent(key),
        `-${key}`,
        `x:${JSON.stringify(key)}`,
      ],
      ...[
        `AccountKey=${key}`,
        `DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=${key};EndpointSuffix=core.windows.net`,
      ],
    ];
    const found = await session.run(
      `function Test-Call { param($Code) try { & $Code } catch {
        @{ Id = $_.FullyQualifiedErrorId; Shown = "$($_.Exception)", "$($_.TargetObject)", "$($_.ErrorDetails)", $_.ErrorDetails.RecommendedAction } } }
      $Error.Clear()
      @(foreach ($text in ConvertFrom-Json $env:TEXTS) {
        @{ Text = $text; Calls = @(
          Test-Call { Add-VhdupVhd -LocalFilePath $text -Destination $env:URL }
          Test-Call { Save-VhdupVhd -SourceUri $env:URL -LocalFilePath $text }
          Test-Call { Get-VhdupVhd -LocalFilePath $text }
          Test-Call { Add-VhdupVhd disk.vhd $env:URL -SasFile $text }
          Test-Call { Add-VhdupVhd disk.vhd $env:URL -Checkpoint $text }
          Test-Call { Add-VhdupVhd disk.vhd $env:URL $text })
          Inner = @($Error | ForEach-Object { "$($_.Exception) $($_.TargetObject)" }) }
        $Error.Clear()
      })`,
      { TEXTS: JSON.stringify(texts), URL: url },
    );
    expect(found).toHaveLength(texts.length);
    const pieces = [
      key,
      key.slice(0, 20),
      key.slice(60, 80),
      signature.slice(0, 10),
      encoded,
      encoded.slice(0, 8),
      encoded.slice(-12),
    ];
    for (const { Text: text, Calls: calls, Inner: inner } of found) {
      expect(calls).toHaveLength(6);
      for (const { Id: id } of calls) expect(id, text).toMatch(/^USAGE,/);
      const shown = JSON.stringify([calls, inner]);
      for (const piece of pieces)
        expect(shown.includes(JSON.stringify(piece).slice(1, -1)), `${text} ${piece}`).toBe(false);
    }
    const plan = await session.run(
      'try { Add-VhdupVhd nowhere.vhd $env:DESTINATION -WhatIf -Verbose *>&1 | Out-String } catch { "$_ $($_.TargetObject)" }',
      { DESTINATION: `AccountName=acct;AccountKey=${key}` },
    );
    expect(plan).not.toContain(key.slice(0, 20));
  });

  it('takes a file whose name looks like a SAS', async () => {
    const image = await buildImage(DISK, { name: 'disk sig=1.vhd' });
    const found = await session.run('(Get-VhdupVhd -LocalFilePath $env:FILE).LocalFilePath.FullName', { FILE: image });
    expect(found).toBe(image);
  });

  it('names only parameters that the function has, and all that a second word may be for', async () => {
    const found = await session.run(
      `function Test-Call { param($Code) try { & $Code } catch { "$($_.ErrorDetails)" } }
      $url = $env:URL
      @(Test-Call { Save-VhdupVhd $url disk.vhd --threads 4 }
        Test-Call { Add-VhdupVhd disk.vhd $url --threads=4 }
        Test-Call { Save-VhdupVhd $url disk.vhd --content-md5 }
        Test-Call { Get-VhdupVhd disk.vhd --overwrite }
        Test-Call { Get-VhdupVhd disk.vhd --threads=4 }
        Test-Call { Test-VhdupVhd disk.vhd --disk web01 }
        Test-Call { Add-VhdupVhd disk.vhd $url --sas=$env:SAS }
        Test-Call { Test-VhdupVhd disk.vhd container/disk.vhd }
        Test-Call { Get-VhdupVhd disk.vhd footer }
        Test-Call { Add-VhdupVhd disk.vhd $url $null }
        Test-Call { Add-VhdupVhd disk.vhd $url '' })`,
      { URL: 'https://acct.blob.core.windows.net/vhds/disk.vhd', SAS: 'sv=1&sig=x' },
    );
    const list = (name: string) => `List the parameters: Get-Help ${name} -Full`;
    const add = 'without names, Add-VhdupVhd takes only the file, then the URL.';
    const write = 'Write the names of the parameters:';
    expect(found).toEqual([
      'An option of vhdup is a parameter here: write -NumberOfThreads.',
      'An option of vhdup is a parameter here: write -NumberOfUploaderThreads.',
      `Save-VhdupVhd has no parameter --content-md5. ${list('Save-VhdupVhd')}`,
      `Get-VhdupVhd has no parameter --overwrite. ${list('Get-VhdupVhd')}`,
      'An option of vhdup is a parameter here: write -Threads.',
      `Test-VhdupVhd has no parameter --disk. ${list('Test-VhdupVhd')}`,
      `Add-VhdupVhd has no parameter --sas. ${list('Add-VhdupVhd')}`,
      `'container/disk.vhd' is one word too many: without names, Test-VhdupVhd takes only the file. ${write} Test-VhdupVhd -LocalFilePath FILE -Destination URL.`,
      `'footer' is one word too many: without names, Get-VhdupVhd takes only the file. ${write} Get-VhdupVhd -LocalFilePath FILE -Structure NAME.`,
      `There is one word too many: ${add} ${write} Add-VhdupVhd -LocalFilePath FILE -Destination URL.`,
      `There is one word too many: ${add} ${write} Add-VhdupVhd -LocalFilePath FILE -Destination URL.`,
    ]);
  });

  it('ends with an error record that a script can act on', async () => {
    const image = await buildImage(DISK);
    server.createPageBlob(CONTAINER, BLOB, 1024);
    const found = await session.run(
      `$exists = try { Add-VhdupVhd $env:FILE $env:URL } ${CAUGHT}
      $missing = try { Add-VhdupVhd no.vhd $env:URL } ${CAUGHT}
      $none = try { Add-VhdupVhd $env:FILE } ${CAUGHT}
      $profile = try { Add-VhdupVhd $env:FILE $env:URL -DefaultProfile 1 } ${CAUGHT}
      $silent = try { Add-VhdupVhd $env:FILE $env:URL -ErrorAction SilentlyContinue; 'went on' } ${CAUGHT}
      @{ Exists = $exists; Missing = $missing; None = $none; Profile = $profile; Silent = $silent }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found.Exists).toMatchObject({
      ...{ Id: 'DESTINATION,Add-VhdupVhd', Category: 'ResourceUnavailable', Target: image, ExitCode: 6 },
      Message: expect.stringContaining('Give -OverWrite to replace it'),
    });
    expect(found.Missing).toMatchObject({ Id: 'IMAGE_ACCESS,Add-VhdupVhd', Category: 'OpenError' });
    expect(found.None).toMatchObject({
      ...{ Id: 'USAGE,Add-VhdupVhd', Category: 'InvalidArgument' },
      Message:
        'The destination is missing: give -Destination URL, or -DiskName NAME -ResourceGroupName GROUP -Location REGION.',
    });
    expect(found.Profile).toMatchObject({
      Id: 'USAGE,Add-VhdupVhd',
      Message: expect.stringMatching(/Connect-AzAccount.* -Subscription chooses the subscription/),
    });
    expect(found.Silent).toMatchObject({ Id: 'DESTINATION,Add-VhdupVhd' });
  });

  it('passes warnings, retries and other options on', async () => {
    const image = await buildImage(SMALL_DISK);
    server.faults.add({ operation: 'PutPage', nth: 1 }, { kind: 'status', status: 503, code: 'ServerBusy' });
    const found = await session.run(
      `$context = Add-VhdupVhd $env:FILE $env:URL -Metadata a=b, c=d -ContentMd5:$false -NumberOfUploaderThreads 2 -SkipResizing -Verbose -WarningVariable warnings 3>$null 4>&1
      @{ Warnings = @($warnings | ForEach-Object { "$_" }); Verbose = @($context | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] } | ForEach-Object { $_.Message }) }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found.Warnings.join('\n')).toMatch(/20 MiB/);
    expect(found.Verbose.join('\n')).toMatch(/SkipResizing has no effect/);
    expect(found.Verbose.join('\n')).toMatch(/Attempt 1 failed \(ServerBusy\)/);
    expect(storedBlob().metadata.get('c')).toBe('d');
    expect(storedBlob().contentMd5).toBeUndefined();
  });
});

describe('Add-VhdupVhd besides', () => {
  it('creates a managed disk, with the parameters of the cmdlet', async () => {
    const servers = await startManagedDisks();
    onTestFinished(() => servers.close());
    const image = await buildImage(DISK);
    const found = await session.run(
      `$context = Add-VhdupVhd -ResourceGroupName rg -Location westeurope -DiskName web01 -LocalFilePath $env:FILE -DiskOsType windows -DiskHyperVGeneration v2 -DiskSku premium_lrs -ArmEndpoint $env:ARM
      @{ Uri = $context.DestinationUri.AbsolutePath; Name = $context.Disk.Name }`,
      { ...servers.environment, FILE: image, ARM: servers.armEndpoint, AZURE_CONFIG_DIR: dirname(image) },
    );
    expect(found.Uri).toMatch(/\/subscriptions\/.*\/disks\/web01$/);
    expect(servers.arm.resources.disk('web01').state).toBe('Unattached');
    expect(servers.violations).toEqual([]);
  });

  it('shows the progress of --json, and clears it at every end', async () => {
    const image = await buildImage(spreadDisk(6));
    const found = await session.run(
      `$runs = foreach ($url in $env:URL, "$($env:URL)&se=2020-01-01") {
        $shell = [powershell]::Create()
        $shell.AddScript('param($module, $file, $url) Import-Module $module; Add-VhdupVhd $file $url -MaxRate 100KiB/s').AddArgument($env:MODULE).AddArgument($env:FILE).AddArgument($url) | Out-Null
        try { $shell.Invoke() | Out-Null } catch { $null = $_ }
        $records = @($shell.Streams.Progress)
        @{ Activities = @($records.Activity | Sort-Object -Unique); Last = "$($records[-1].RecordType)"; Ids = @($records.ActivityId | Sort-Object -Unique).Count
           Percent = @($records.PercentComplete); Seconds = @($records.SecondsRemaining); Texts = @($records.StatusDescription) }
      }
      @{ Runs = @($runs) }`,
      { FILE: image, URL: blobUrl(), MODULE: MODULE_FOLDER },
    );
    const [good] = found.Runs;
    expect(good).toMatchObject({ Activities: ['Upload disk.vhd'], Last: 'Completed', Ids: 1 });
    expect(Math.max(...good.Percent)).toBe(100);
    expect(good.Percent).toContain(0);
    expect(Math.max(...good.Seconds)).toBeGreaterThan(0);
    expect(good.Texts.join('\n')).toMatch(/\d+ %, [\d.]+ MiB of 24\.0 MiB, [\d.]+ KiB\/s/);
  });

  it('takes files of Get-VHD, whose other properties are not parameters, and asks with -Confirm', async () => {
    const image = await buildImage(DISK);
    const found = await session.run(
      `$vhd = [pscustomobject] @{ Path = $env:FILE; VhdType = 'Dynamic'; LogicalSectorSize = 512; ParentPath = ''; Size = 1 }
      $plan = $vhd | Add-VhdupVhd -Destination $env:URL -WhatIf
      $asked = try { $vhd | Add-VhdupVhd -Destination $env:URL -Confirm } catch { "$_" }
      @{ Send = $plan.Send; Asked = $asked }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found.Send).toBeGreaterThan(0);
    expect(found.Asked).toContain('NonInteractive');
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });
});

describe('the other functions', () => {
  it('Save-VhdupVhd downloads what was uploaded', async () => {
    const image = await buildImage(DISK);
    const found = await session.run(
      `Add-VhdupVhd $env:FILE $env:URL | Out-Null
      Set-Location -LiteralPath (Split-Path -Parent $env:FILE)
      $saved = Save-VhdupVhd -SourceUri $env:URL -LocalFilePath back.vhd
      $again = try { Save-VhdupVhd $env:URL back.vhd } ${CAUGHT}
      @{ Type = $saved.PSObject.TypeNames[0]; Path = $saved.LocalFilePath.FullName; Source = $saved.Source.OriginalString; Again = $again }`,
      { FILE: image, URL: blobUrl() },
    );
    expect(found).toMatchObject({
      ...{ Type: 'VhdDownloadContext', Path: join(dirname(image), 'back.vhd'), Source: server.urlOf(CONTAINER, BLOB) },
      Again: { Id: expect.stringMatching(/,Save-VhdupVhd$/), Message: expect.stringContaining('-OverWrite') },
    });
  });

  it('Test-VhdupVhd and Get-VhdupVhd return objects whose view can be read', async () => {
    const image = await buildImage(DISK, { name: CHINESE });
    const text = join(dirname(image), 'no.vhd');
    await writeFile(text, 'this is no disk');
    const found = await session.run(
      `$all = Get-ChildItem -LiteralPath (Split-Path -Parent $env:FILE) -Filter *.vhd | Sort-Object Name | Test-VhdupVhd
      $image = Get-Item -LiteralPath $env:FILE | Get-VhdupVhd
      $footer = Get-VhdupVhd $env:FILE -Structure footer
      @{ Results = @($all.Result); Type = $all[0].PSObject.TypeNames[0]; View = ($all[1] | Out-String -Width 200)
         Findings = ($all[1].Findings | Select-Object -First 2 | Out-String)
         Image = @{ Type = $image.PSObject.TypeNames[0]; Format = $image.Format; Size = $image.DiskSize; View = ($image | Out-String) }
         Footer = $footer.Structures[0].Name }`,
      { FILE: image },
    );
    expect(found).toMatchObject({ Results: ['fail', 'fail'], Type: 'VhdCheckResult', Footer: 'footer' });
    expect(found.View).toMatch(/Result +: fail\n/);
    expect(found.View).toMatch(/Problems +: fail [a-z-]+: /);
    expect(found.Findings).toMatch(/Result +Id +Found/);
    expect(found.Image).toMatchObject({ Type: 'VhdImage', Format: 'vhd-dynamic', Size: DISK.size });
    expect(found.Image.View).toContain(CHINESE);
  });

  it('have help with examples', async () => {
    const found = await session.run(`
      $help = Get-Help Add-VhdupVhd -Full
      @{ Synopsis = $help.Synopsis; Examples = @($help.examples.example).Count; Text = ($help | Out-String)
         All = @('Save', 'Test', 'Get' | ForEach-Object { (Get-Help "$_-VhdupVhd" -Examples | Out-String).Length }) }`);
    expect(found.Synopsis).toBe('Uploads a disk image to a page blob or a managed disk, as a fixed VHD.');
    expect(found.Examples).toBe(5);
    for (const name of ['-Destination <Uri>', '-MaxRate <String>', '-Sas <Object>', '-WhatIf'])
      expect(found.Text).toContain(name);
    for (const length of found.All) expect(length).toBeGreaterThan(200);
  });
});

describe('what the module finds around it', () => {
  it('the program beside it comes first, then that of the PATH, then VHDUP_EXE', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'Vhdup'));
    const found = await session.run(
      `$module = Get-Module Vhdup
      $find = { & $module { param($c) Find-VhdupProgram $c } $null }
      $path = & $find
      Copy-Item (Join-Path $module.ModuleBase '*') (Join-Path $env:FOLDER Vhdup)
      New-Item (Join-Path $env:FOLDER vhdup.exe) | Out-Null
      Import-Module (Join-Path $env:FOLDER Vhdup) -Force
      $module = Get-Module Vhdup | Where-Object { $_.ModuleBase -like "$($env:FOLDER)*" }
      $above = & $find
      New-Item (Join-Path $env:FOLDER Vhdup/vhdup) | Out-Null
      $beside = & $find
      Remove-Item (Join-Path $env:FOLDER Vhdup/vhdup), (Join-Path $env:FOLDER vhdup.exe)
      $env:PATH = ''
      $none = try { Add-VhdupVhd a b } ${CAUGHT}
      $env:VHDUP_EXE = $env:FOLDER + '/list.csv'
      New-Item $env:VHDUP_EXE | Out-Null
      $variable = & $find
      $broken = try { Add-VhdupVhd a b } ${CAUGHT}
      $env:VHDUP_EXE = ''
      Remove-Module Vhdup
      Import-Module $env:MODULE
      @{ Path = Split-Path -Leaf $path; Above = $above; Beside = $beside; None = $none; Variable = $variable; Broken = $broken }`,
      { FOLDER: folder, MODULE: MODULE_FOLDER },
    );
    expect(found).toMatchObject({
      ...{ Path: 'vhdup', Above: join(folder, 'vhdup.exe'), Beside: join(folder, 'Vhdup/vhdup') },
      None: { Id: 'PROGRAM_NOT_FOUND,Add-VhdupVhd', Category: 'ObjectNotFound' },
      Variable: join(folder, 'list.csv'),
      Broken: { Id: 'PROGRAM_NOT_STARTED,Add-VhdupVhd' },
    });
  });

  it('a program that is not vhdup is an error, with what it printed', async () => {
    const image = await buildImage(SMALL_DISK);
    const found = await session.run(
      `& (Get-Module Vhdup) { $script:Program = $args[0], '-e', 'console.error("no such thing"); process.exit(7)' } $env:NODE
      $error1 = try { Test-VhdupVhd $env:FILE } ${CAUGHT}
      & (Get-Module Vhdup) { $script:Program = $null }
      $error1`,
      { NODE: process.execPath, FILE: image },
    );
    expect(found).toMatchObject({
      ...{ Id: 'UNEXPECTED,Test-VhdupVhd', ExitCode: 7, Target: image },
      Message: 'vhdup ended with exit code 7. no such thing',
    });
  });

  it('vhdup powershell defines the functions without a file, for jobs too', async () => {
    const image = await buildImage(SMALL_DISK);
    const lines = await powershell(
      `vhdup powershell | Out-String | Invoke-Expression
      (Get-Module Vhdup).Path -like '*Vhdup.psm1'
      (Get-Help Get-VhdupVhd).Synopsis
      (Get-VhdupVhd $env:FILE).Format
      $job = Get-VhdupVhd $env:FILE -AsJob
      (Receive-Job $job -Wait).Format
      (TabExpansion2 'vhdup upl' 9).CompletionMatches.CompletionText`,
      { FILE: image },
    );
    expect(lines).toEqual(['False', 'Shows what is in a disk image.', 'vhd-dynamic', 'vhd-dynamic', 'upload']);
  });

  it('a batch file of npm stands for its script, which Node.js runs', async () => {
    const folder = await temporaryFolder();
    const found = await session.run(
      `New-Item -ItemType Directory (Join-Path $env:FOLDER node_modules/vhdup/bin) | Out-Null
      New-Item (Join-Path $env:FOLDER node_modules/vhdup/bin/vhdup.js) | Out-Null
      & (Get-Module Vhdup) { @(Resolve-VhdupProgram (Join-Path $env:FOLDER vhdup.cmd)); @(Resolve-VhdupProgram (Join-Path $env:FOLDER other/vhdup.cmd)) }`,
      { FOLDER: folder },
    );
    expect(found).toEqual([expect.stringMatching(/node$/), join(folder, 'node_modules/vhdup/bin/vhdup.js')]);
  });

  it('aliases stand for cmdlets that are not installed, and hide none', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'Az.Compute'));
    await writeFile(join(folder, 'Az.Compute/Az.Compute.psm1'), "function Add-AzVhd { 'the real one' }");
    const found = await session.run(
      `$before = @(Get-Alias Add-AzureVhd, Add-AzVhd, Save-AzureVhd, Save-AzVhd).Definition
      Remove-Module Vhdup
      $env:PSModulePath = $env:FOLDER + [IO.Path]::PathSeparator + $env:PSModulePath
      Import-Module $env:MODULE
      $isLoaded = [bool] (Get-Module Az.Compute)
      $after = @(Get-Command Add-AzureVhd, Save-AzureVhd, Save-AzVhd -CommandType Alias -ErrorAction Ignore | ForEach-Object Name)
      $real = Add-AzVhd
      Remove-Module Az.Compute, Vhdup
      $env:PSModulePath = $env:PSModulePath.Substring($env:FOLDER.Length + 1)
      Import-Module $env:MODULE
      Import-Module (Join-Path $env:FOLDER Az.Compute)
      $warning = try { Add-AzVhd no.vhd x/y -WarningAction Stop } catch { "$_" }
      Remove-Module Az.Compute
      @{ Before = $before; After = $after; IsLoaded = $isLoaded; Real = $real; Warning = $warning }`,
      { FOLDER: folder, MODULE: MODULE_FOLDER },
    );
    expect(found).toEqual({
      Before: ['Add-VhdupVhd', 'Add-VhdupVhd', 'Save-VhdupVhd', 'Save-VhdupVhd'],
      ...{ After: ['Add-AzureVhd', 'Save-AzureVhd'], IsLoaded: false, Real: 'the real one' },
      Warning: expect.stringContaining('Remove-Item alias:Add-AzVhd'),
    });
  });
});
