import { describe, expect, it } from 'vitest';
import { assertKnownVariables, isOn, optionVariables, withSource } from '../../src/cli/option-variables.ts';
import { UsageError } from '../../src/errors.ts';

const OPTIONS = {
  threads: { type: 'string', default: 'auto' },
  'dry-run': { type: 'boolean', default: false },
  progress: { type: 'boolean', default: true },
  verify: { choices: ['none', 'full'] },
  metadata: { type: 'string', array: true },
  version: { type: 'string' },
} as const;

describe('the variables of options', () => {
  it('have the name of the option, in capitals', () => {
    const { values, sources } = optionVariables(OPTIONS, {
      ...{ VHDUP_THREADS: '8', VHDUP_DRY_RUN: '1', VHDUP_PROGRESS: 'off', VHDUP_VERIFY: 'full', VHDUP_METADATA: 'a=b' },
      ...{ THREADS: '9', vhdup_threads: '10', PATH: '/bin' },
    });
    expect(values).toEqual({ threads: '8', 'dry-run': true, progress: false, verify: 'full', metadata: ['a=b'] });
    expect([...sources]).toContainEqual(['dry-run', 'VHDUP_DRY_RUN']);
  });

  it('do not count if they are empty, or belong to another command', () => {
    expect(optionVariables(OPTIONS, { VHDUP_THREADS: '', VHDUP_SPARSE: '1', VHDUP_VERSION: '1.2.3' }).values).toEqual(
      {},
    );
  });

  it.each([
    [{ VHDUP_DRY_RUN: 'perhaps' }, 'VHDUP_DRY_RUN stands for a switch: it must be 1 or 0, but is "perhaps"'],
    [{ VHDUP_VERIFY: 'half' }, 'VHDUP_VERIFY must be one of none, full, but is "half"'],
  ])('must be right: %j', (environment, message) => {
    expect(() => optionVariables(OPTIONS, environment)).toThrow(message);
  });

  it.each([
    [{ VHDUP_TREADS: '8' }, 'VHDUP_TREADS stands for no option of vhdup. Did you mean VHDUP_THREADS?'],
    [{ VHDUP_COLOUR: 'secret-value' }, 'VHDUP_COLOUR stands for no option of vhdup. Correct its name'],
  ])('must be known: %j', (environment, message) => {
    expect(() => assertKnownVariables(Object.keys(OPTIONS), environment)).toThrow(message);
    expect(() => assertKnownVariables(Object.keys(OPTIONS), environment)).not.toThrow('secret-value');
  });

  it('leave alone the variables of tests, measurements, examples and packages', () => {
    const others = ['TEST_IMAGES', 'TEST_PWSH', 'TRY_GROUP', 'BENCH_DIR', 'AZCOPY', 'SYSTEM_CA', 'VERSION'];
    const environment = Object.fromEntries(others.map((name) => [`VHDUP_${name}`, 'x']));
    expect(() => assertKnownVariables(Object.keys(OPTIONS), environment)).not.toThrow();
  });

  it('are named in an error about their value', () => {
    const sources = new Map([
      ['max-rate', 'VHDUP_MAX_RATE'],
      ['max', 'VHDUP_MAX'],
    ]);
    const error = new UsageError('--max-rate must be a rate, but is "x".');
    expect(withSource(error, sources)).toMatchObject({
      message: '--max-rate must be a rate, but is "x". The value comes from the environment variable VHDUP_MAX_RATE.',
    });
    const other = new UsageError('--threads must be a whole number.');
    expect(withSource(other, sources)).toBe(other);
    const bug = new Error('--max-rate');
    expect(withSource(bug, sources)).toBe(bug);
  });

  it('turn switches on and off in words', () => {
    expect(['1', 'true', 'YES', ' on '].map(isOn)).toEqual([true, true, true, true]);
    expect(['0', 'false', '', undefined, 'perhaps'].map(isOn)).toEqual([false, false, false, false, false]);
  });
});
