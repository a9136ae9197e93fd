// vhdup check --destination for a public container, on a host that gets no sign-in.
import { expect, it } from 'vitest';
import { uploadImage } from '../../../src/upload/upload.ts';
import { runHere } from '../../support/command-line.ts';
import { buildImage, SMALL_DISK } from '../../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, server, useServer } from '../../support/target-server.ts';

useServer();

it('is looked at without a credential', async () => {
  const image = await buildImage(SMALL_DISK);
  await uploadImage({ image, destination: blobUrl(), threads: 1 });
  server.createContainer(CONTAINER, 'blob');
  const url = server.urlOf(CONTAINER, BLOB);
  const { stdout, stderr } = await runHere(['check', image, '--for', 'marketplace', '--destination', url, '--json']);
  expect(stderr).not.toContain('credential');
  const { findings } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as {
    findings: { id: string; result: string }[];
  };
  const results = Object.fromEntries(findings.map(({ id, result }) => [id, result]));
  expect(results).toMatchObject({ 'target-type': 'pass', 'target-access': 'pass' });
});
