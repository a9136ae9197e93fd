// Source of the rules: https://docs.brew.sh/Node-for-Formula-Authors and https://docs.brew.sh/Formula-Cookbook
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { homebrewFormula } from '../../../bin/exe/manifests/homebrew.ts';
import { downloadOf, RELEASE } from './release-fixture.ts';

const { path, text } = homebrewFormula(RELEASE);

function hasRuby(): boolean {
  try {
    execFileSync('ruby', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the formula of Homebrew', () => {
  it('installs the npm package on the Node of Homebrew', () => {
    expect(path).toBe('homebrew/vhdup.rb');
    for (const line of [
      'class Vhdup < Formula',
      `  url "${downloadOf('vhdup-1.2.3.tgz')}"`,
      `  sha256 "${'ef'.repeat(32)}"`,
      '  license "MIT"',
      '  depends_on "node"',
      '    system "npm", "install", *std_npm_args',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('has the summary as a string of Ruby', () => {
    const [, description = ''] = /^ {2}desc "(.*)"$/m.exec(text) ?? [];
    expect(description).toBe('Upload \\#1 disk images');
  });

  it.skipIf(!hasRuby())('is Ruby (needs ruby)', () => {
    expect(execFileSync('ruby', ['-c'], { input: text, encoding: 'utf8' })).toContain('Syntax OK');
  });
});
