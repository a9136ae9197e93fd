import { describe, expect, it } from 'vitest';
import { explainAuthFailure, type RejectedSignature } from '../../../src/azure/auth/auth-failure.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const SAS = 'sp=rw&sig=c2VjcmV0';

function explain(about: Partial<RejectedSignature>, now = NOW) {
  return explainAuthFailure({ sas: SAS, wasAccepted: false, detail: '', serviceTime: NOW, ...about }, now);
}

describe('explainAuthFailure', () => {
  it.each([
    ['its own end', { sas: `${SAS}&se=2026-03-01T11:59:59Z` }, 'expired at 2026-03-01T11:59:59.000Z'],
    ['the end of its key', { sas: `${SAS}&se=2027-01-01&ske=2026-03-01` }, 'expired at 2026-03-01T00:00:00.000Z'],
    [
      'the end of its policy',
      {
        detail:
          'Signature not valid in the specified time frame: Start [Thu, 26 Feb 2026 10:11:03 GMT] - Expiry [Sat, 28 Feb 2026 18:11:03 GMT] - Current [Sun, 01 Mar 2026 12:00:00 GMT]',
      },
      'expired at 2026-02-28T18:11:03.000Z',
    ],
    [
      'an end before a start that is not given, and so is now',
      {
        detail:
          'Signed expiry time [Wed, 31 Aug 2025 00:00:00 GMT] has to be after signed start time [Sun, 01 Mar 2026 12:00:00 GMT]',
      },
      'has expired',
    ],
    ['a detail that names no time', { detail: 'Signature not valid in the specified key time frame' }, 'has expired'],
    ['that it was good before', { wasAccepted: true }, 'no longer accepts'],
  ])('recognises an expired SAS by %s', (_, about, message) => {
    expect(explain(about)).toEqual({ isExpired: true, explanation: expect.stringContaining(message) });
  });

  it.each([
    ['its start', { sas: `${SAS}&st=2026-03-01T12:30:00Z` }],
    [
      'the start of its policy',
      {
        detail:
          'Signature not valid in the specified time frame: Start [Sun, 01 Mar 2026 12:30:00 GMT] - Expiry [] - Current [Sun, 01 Mar 2026 12:00:00 GMT]',
      },
    ],
  ])('recognises a SAS that is not valid yet by %s', (_, about) => {
    expect(explain(about)).toEqual({
      isExpired: false,
      explanation:
        "The SAS is not valid before 2026-03-01T12:30:00.000Z, and the service's clock shows 2026-03-01T12:00:00.000Z.",
    });
  });

  it('uses the clock of the service, and reports the clock difference', () => {
    const sas = `${SAS}&se=2026-03-01T12:30:00Z`;
    const [before, after] = [new Date('2026-03-01T11:00:00Z'), new Date('2026-03-01T13:00:00Z')];
    expect(explain({ sas, serviceTime: after }, NOW)).toMatchObject({
      isExpired: true,
      explanation: expect.stringContaining('60 min behind'),
    });
    expect(explain({ sas, serviceTime: before }, NOW)).toEqual({
      isExpired: false,
      explanation: expect.stringContaining('60 min ahead of'),
    });
    expect(explain({ sas, serviceTime: undefined }, after).isExpired).toBe(true);
  });

  it('gives no explanation if the cause is unknown', () => {
    expect(explain({})).toEqual({ isExpired: false, explanation: undefined });
    expect(explain({ sas: undefined, wasAccepted: true })).toEqual({ isExpired: false, explanation: undefined });
    expect(explain({ detail: 'Signature did not match. String to sign used was rw' }).isExpired).toBe(false);
  });
});
