import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { DiskSas } from '../../../src/azure/arm/disk-sas.ts';
import { redact } from '../../../src/base/redact.ts';

const SIGNATURE = 'aA+bB/cC1234567890aA+bB/cC1234567890aA+bB/c=';
const POLICY = '0f0f0f0f-1111-2222-3333-444444444444';
const PLACE = 'https://md-impexp-abc.z12.blob.storage.azure.net:8443/abc/abcd';
const URL_WITH_SAS = `${PLACE}?sv=2018-03-28&sr=b&si=${POLICY}&sig=${encodeURIComponent(SIGNATURE)}`;

describe('DiskSas', () => {
  it('reveals the URL unchanged', () => {
    expect(new DiskSas(URL_WITH_SAS).reveal()).toBe(URL_WITH_SAS);
  });

  it.each<[string, (sas: DiskSas) => string]>([
    ['a template', (sas) => `${sas}`],
    ['concatenation', (sas) => `SAS: ${String(sas)}`],
    ['JSON', (sas) => JSON.stringify({ sas })],
    ['debug output', (sas) => inspect({ sas }, { depth: 9, showHidden: true })],
    ['its fields', (sas) => JSON.stringify(Object.entries({ ...sas }))],
    ['its URL', (sas) => sas.url],
  ])('shows no secret in %s', (_, show) => {
    const shown = show(new DiskSas(URL_WITH_SAS));
    expect(shown).not.toContain(POLICY);
    expect(shown).not.toContain('aA');
    expect(shown).not.toContain('sig');
  });

  it('shows where the disk is', () => {
    expect(`${new DiskSas(URL_WITH_SAS)}`).toBe(PLACE);
  });

  it('makes its signature and its policy unprintable everywhere', () => {
    const sas = new DiskSas(URL_WITH_SAS);
    for (const text of [`the policy ${POLICY} has ended`, `signature ${SIGNATURE} is wrong`, `GET ${sas.reveal()}`]) {
      expect(redact(text)).not.toContain(POLICY);
      expect(redact(text)).not.toContain('aA');
    }
  });
});
