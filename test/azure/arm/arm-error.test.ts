import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armErrorOf, type JsonObject } from '../../../src/azure/arm/arm-error.ts';

const INNER = { code: 'SkuNotAvailable', message: 'Not in westus.' };
const FOUND = { codes: ['SkuNotAvailable'], message: 'Not in westus.', target: undefined, others: 0, policies: [] };

describe('armErrorOf', () => {
  it.each<[string, JsonObject, unknown]>([
    ['the error of an answer', { error: INNER }, FOUND],
    ['an error without a wrapper', INNER, FOUND],
    ['the status of an operation', { status: 'Failed', error: INNER, name: '1' }, FOUND],
    ['a resource that failed', { properties: { provisioningState: 'Failed', error: INNER } }, FOUND],
    ['a status message of JSON', { properties: { statusMessage: JSON.stringify({ error: INNER }) } }, FOUND],
    [
      'details',
      { error: { code: 'Conflict', message: 'See details.', details: [INNER] } },
      { ...FOUND, codes: ['SkuNotAvailable', 'Conflict'] },
    ],
    [
      'details in details',
      { error: { code: 'A', message: 'a', details: [{ code: 'B', message: 'b', details: [INNER] }] } },
      { ...FOUND, codes: ['SkuNotAvailable', 'B', 'A'] },
    ],
    [
      'several details',
      {
        error: { code: 'A', message: 'a', details: [INNER, { code: 'B', message: 'b' }, { code: 'C', message: 'c' }] },
      },
      { ...FOUND, codes: ['SkuNotAvailable', 'A'], others: 2 },
    ],
    [
      'an inner error',
      {
        error: {
          code: 'OperationNotAllowed',
          message: 'No.',
          innererror: { code: 'QuotaExceeded', message: 'Limit: 10.' },
        },
      },
      { ...FOUND, codes: ['QuotaExceeded', 'OperationNotAllowed'], message: 'Limit: 10.' },
    ],
    [
      'an inner error without a message',
      { error: { code: 'OperationNotAllowed', message: 'No.', innerError: { code: 'QuotaExceeded' } } },
      { ...FOUND, codes: ['QuotaExceeded', 'OperationNotAllowed'], message: 'No.' },
    ],
    [
      'an inner error without a code',
      { error: { ...INNER, innererror: { exceptiontype: 'X', errordetail: 'y' } } },
      FOUND,
    ],
    [
      'JSON in a message',
      { error: { code: 'DeploymentFailed', message: JSON.stringify({ error: INNER }) } },
      { ...FOUND, codes: ['SkuNotAvailable', 'DeploymentFailed'] },
    ],
    [
      'JSON in the message of a detail, with text around it',
      {
        error: {
          code: 'A',
          message: 'a',
          details: [{ code: 'Conflict', message: `It failed: '${JSON.stringify({ error: INNER })}'.` }],
        },
      },
      { ...FOUND, codes: ['SkuNotAvailable', 'Conflict', 'A'] },
    ],
    [
      'the target of the outer error',
      { error: { code: 'A', message: 'a', target: 'location', details: [INNER] } },
      { ...FOUND, codes: ['SkuNotAvailable', 'A'], target: 'location' },
    ],
    [
      'regions of an image version',
      {
        properties: {
          provisioningState: 'Failed',
          replicationStatus: {
            aggregatedState: 'Failed',
            summary: [
              { region: 'West US', state: 'Completed', details: '' },
              { region: 'West Europe', state: 'Failed', details: 'No capacity.' },
              { region: 'East US', state: 'Failed', details: 'x' },
            ],
          },
        },
      },
      {
        codes: ['ReplicationFailed'],
        message: 'West Europe: No capacity.',
        target: undefined,
        others: 1,
        policies: [],
      },
    ],
  ])('finds the innermost error in %s', (_, body, expected) => {
    expect(armErrorOf(body)).toEqual(expected);
  });

  it.each<[string, JsonObject | undefined]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['no error', { error: null }],
    ['an error without fields', { error: {} }],
    ['an error that is a text', { error: 'no' }],
    ['a resource', { name: 'd', properties: { provisioningState: 'Succeeded' } }],
    ['numbers for texts', { error: { code: 404, message: 5 } }],
  ])('finds none in %s', (_, body) => {
    expect(armErrorOf(body)).toBeUndefined();
  });

  it('names the policies, by display name if there is one', () => {
    const identifiers = JSON.stringify([
      { policyAssignment: { name: 'Allowed regions', id: '/x' }, policyDefinition: { name: 'Other', id: '/y' } },
    ]);
    const message = `Resource 'd1' was disallowed by policy. Policy identifiers: '${identifiers}'.`;
    const error = { code: 'RequestDisallowedByPolicy', target: 'd1', message };
    expect(armErrorOf({ error })).toMatchObject({
      codes: ['RequestDisallowedByPolicy'],
      message,
      policies: ['Allowed regions'],
    });
    const info = { policyAssignmentDisplayName: 'Europe only', policyAssignmentName: '0a1b' };
    const additionalInfo = [{ type: 'PolicyViolation', info }, { type: 'Other', info: {} }, null];
    expect(armErrorOf({ error: { ...error, additionalInfo } })?.policies).toEqual(['Europe only']);
    const outer = { code: 'InvalidTemplate', message: 'See details.', details: [{ ...error, additionalInfo }] };
    expect(armErrorOf({ error: outer })?.policies).toEqual(['Europe only']);
  });

  it('reads any JSON without failing, however deep', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('error', 'details', 'code', 'message', 'innererror', 'x'), fc.jsonValue()),
        (body) => {
          const error = armErrorOf(body as JsonObject);
          if (error !== undefined) expect(error.codes.length).toBeGreaterThan(0);
        },
      ),
    );
    let deep: JsonObject = INNER;
    for (let level = 0; level < 1000; level++) deep = { code: `C${level}`, details: [deep] };
    expect(armErrorOf({ error: deep })?.codes.length).toBeLessThanOrEqual(8);
  });
});
