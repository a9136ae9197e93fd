import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../../src/base/version.ts';
import { runHere } from '../../support/command-line.ts';

describe('vhdup version', () => {
  it('reports the program and the machine as JSON', async () => {
    const { exitCode, stdout } = await runHere(['version', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'result',
      version: VERSION,
      executable: false,
      node: process.versions.node,
      platform: process.platform,
      arch: process.arch,
      system: expect.stringContaining(release()),
      // The build names them; test/exe/ and the integration test of the build look at them.
      libraries: {},
    });
  });

  it('reports the same as text', async () => {
    const { stdout } = await runHere(['version']);
    expect(stdout).toContain(`vhdup ${VERSION}\n`);
    expect(stdout).toContain(`Node.js    ${process.versions.node}, OpenSSL`);
    expect(stdout).toContain(process.arch);
  });

  it('is not the option', async () => {
    expect((await runHere(['--version'])).stdout).toBe(`${VERSION}\n`);
  });
});
