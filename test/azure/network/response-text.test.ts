import { once } from 'node:events';
import { Agent, type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeIfUnfinished, readText } from '../../../src/azure/network/response-text.ts';

describe('a connection whose answer arrives before its request is sent', () => {
  let server: Server;
  let agent: Agent;

  beforeEach(async () => {
    agent = new Agent({ keepAlive: true });
    // Answers at once, and takes the body afterwards.
    server = createServer((asked, answer) => {
      asked.resume();
      answer.writeHead(201, { 'Content-Length': 2 }).end('ok');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });

  afterEach(async () => {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** Sends half of a body, and reads the answer to it. */
  async function answerToHalf(): Promise<{ sent: ClientRequest; answer: IncomingMessage }> {
    const { port } = server.address() as AddressInfo;
    const sent = request({ port, host: '127.0.0.1', method: 'PUT', agent, headers: { 'Content-Length': 2 } });
    sent.write('a');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(await readText(answer, 100)).toBe('ok');
    return { sent, answer };
  }

  it('is closed if the request is not reported as sent', async () => {
    const { sent, answer } = await answerToHalf();
    closeIfUnfinished(answer, 200);
    await once(sent, 'close');
    expect(sent.writableFinished).toBe(false);
    expect(agent.sockets).toEqual({});
    expect(agent.freeSockets).toEqual({});
  });

  it('is used again if it is', async () => {
    const { sent, answer } = await answerToHalf();
    closeIfUnfinished(answer, 200);
    const freed = once(agent, 'free');
    sent.end('b');
    await freed;
    expect(sent.writableFinished).toBe(true);
    closeIfUnfinished(answer, 200);
  });
});
