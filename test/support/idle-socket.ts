// The sockets that an agent keeps for its next requests.
import { Socket } from 'node:net';
import type { Connections } from '../../src/azure/network/connections.ts';

/** The only idle socket. @throws there is none, or there are several. */
export function idleSocket({ agent }: Connections): Socket {
  return onlySocket(agent.freeSockets);
}

/** The only socket that a request uses. @throws there is none, or there are several. */
export function busySocket({ agent }: Connections): Socket {
  return onlySocket(agent.sockets);
}

function onlySocket(byName: Connections['agent']['sockets']): Socket {
  const [socket, ...others] = Object.values(byName).flat();
  if (!(socket instanceof Socket) || others.length > 0) throw new Error('There is not exactly one socket.');
  return socket;
}
