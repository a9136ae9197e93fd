import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { rangeHeader, rawRequest, withQuery } from '../raw-request.ts';

it('the standalone server prints its URL, serves, and prints its counters on request and when its input ends', async () => {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const args = ['--import', 'tsx', program, '--discard', '--no-checksums'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { containerSasUrl } = JSON.parse((await lines.next()).value ?? '');
  const [container = '', sas = ''] = containerSasUrl.split('?');
  const url = `${container}/a.vhd?${sas}`;
  const create = { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '1024' };
  expect((await rawRequest(url, { method: 'PUT', headers: create })).status).toBe(201);
  const headers = {
    'x-ms-page-write': 'update',
    'x-ms-range': rangeHeader(512, 512),
    'x-ms-content-crc64': 'AAAAAAAAAAA=',
  };
  const body = Buffer.alloc(512, 1);
  const put = await rawRequest(withQuery(url, 'comp=page'), { method: 'PUT', headers, body });
  expect([put.status, put.headers.get('x-ms-content-crc64')]).toEqual([201, 'AAAAAAAAAAA=']);
  child.stdin.write('counters\n');
  const counters = { requests: 2, bytesCommitted: 512, bytesRewritten: 0, firstPutPageAt: expect.any(Number) };
  expect(JSON.parse((await lines.next()).value ?? '')).toMatchObject(counters);
  await rawRequest(withQuery(url, 'comp=page'), { method: 'PUT', headers, body });
  child.stdin.end();
  expect(JSON.parse((await lines.next()).value ?? '')).toMatchObject({
    requests: 1,
    bytesRewritten: 512,
    byOperation: { PutPage: 1 },
  });
});
