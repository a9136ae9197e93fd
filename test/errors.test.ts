import { describe, expect, it } from 'vitest';
import { canonicalSas } from '../src/azure/auth/sas-text.ts';
import * as errors from '../src/errors.ts';
import { SIGNATURE, sasWith } from './support/sas-samples.ts';

const { EXIT_CODES, VhdupError, DestinationError, ServiceError } = errors;

/** An instance of each error class. */
const instances = Object.entries(errors).flatMap(([name, exported]) => {
  if (typeof exported !== 'function' || name === 'VhdupError') return [];
  const ErrorClass = exported as new (message: string, more: object) => InstanceType<typeof VhdupError>;
  return [{ name, error: new ErrorClass('It failed.', { reason: 'Any', transient: false }) }];
});

describe('the errors', () => {
  it('all extend VhdupError and have their own name', () => {
    expect(instances.length).toBeGreaterThan(10);
    for (const { name, error } of instances) {
      expect(error).toBeInstanceOf(VhdupError);
      expect(error.name).toBe(name);
      expect(String(error)).toBe(`${name}: It failed.`);
    }
  });

  it('contain no secret that a service repeats, not even the bare signature', () => {
    canonicalSas(sasWith());
    for (const form of [SIGNATURE, encodeURIComponent(SIGNATURE), SIGNATURE.replaceAll('/', '\\/')]) {
      const { message, stack } = new ServiceError(`500 for ${form}`, { reason: 'Any', transient: false });
      expect(message).toBe('500 for REDACTED');
      expect(stack).not.toContain(SIGNATURE.slice(4, 16));
    }
  });

  it('have distinct codes', () => {
    const codes = instances.map(({ error }) => error.code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^[A-Z_]+$/);
  });

  it('have exit codes from the list', () => {
    const listed: readonly number[] = Object.values(EXIT_CODES);
    for (const { error } of instances) {
      expect(listed).toContain(error.exitCode);
      expect(error.exitCode).toBeGreaterThan(1);
    }
  });

  it('keep the details of their cause', () => {
    const cause = new Error('socket hang up');
    expect(new DestinationError('No.', { cause, reason: 'BlobNotFound' })).toMatchObject({
      cause,
      reason: 'BlobNotFound',
    });
    const failure = { reason: 'ECONNRESET', transient: true };
    expect(new ServiceError('No.', failure, { cause })).toMatchObject({ cause, failure });
  });
});

describe('the exit codes', () => {
  it('never change their meaning', () => {
    expect(EXIT_CODES).toEqual({
      ok: 0,
      unexpected: 1,
      usage: 2,
      image: 3,
      parentImage: 4,
      imageChanged: 5,
      destination: 6,
      checkpoint: 7,
      credentials: 8,
      service: 9,
      verification: 10,
      localFile: 11,
      inUse: 12,
      checkWarned: 20,
      checkFailed: 21,
      hangup: 129,
      interrupted: 130,
      terminated: 143,
    });
  });
});
