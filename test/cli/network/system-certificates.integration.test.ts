// The certificates of the system on a Linux whose store holds that of the server. Needs a version of Node.js that can read the store.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../support/command-line.ts';
import { BLOB, CONTAINER, restartServer, server, useServer } from '../../support/target-server.ts';
import { buildVhd } from '../../support/vhd-builder.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const isPossible = process.platform === 'linux' && 'setDefaultCACertificates' in tls;

useServer();

describe.skipIf(!isPossible)('a server whose certificate only the system trusts', () => {
  /** @param variables - Besides the one that names the store. */
  async function upload(variables: NodeJS.ProcessEnv) {
    await restartServer({ tls: true });
    const folder = await temporaryFolder();
    const [image, store] = [join(folder, 'disk.vhd'), join(folder, 'store.pem')];
    await buildVhd(image, { type: 'dynamic', size: 8 * 1024 * 1024 });
    await writeFile(store, server.caCertificate ?? '');
    const url = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
    return await runProgram(['upload', image, url, '--verbose'], { SSL_CERT_FILE: store, ...variables });
  }

  it('is trusted', async () => {
    const { exitCode, stderr } = await upload({});
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/\d+ certificates of the system are trusted in addition to the \d+ of Node\.js\./);
  });

  it('is not trusted with VHDUP_SYSTEM_CA=0', async () => {
    const { exitCode, stderr } = await upload({ VHDUP_SYSTEM_CA: '0' });
    expect(exitCode).toBe(9);
    expect(stderr).toContain('set the environment variable NODE_EXTRA_CA_CERTS to its path.');
  });
});
