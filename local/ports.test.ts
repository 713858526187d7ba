import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { isPortFree, parsePort, pickFreePort, portTakenMessage } from './ports.ts';

it('a taken port is named, with a command that works around it', () => {
  expect(portTakenMessage(8080)).toContain('Port 8080');
  expect(portTakenMessage(8080)).toContain('AIRLOCK_PORT=8081 npm start');
});

it('a port is free until somebody listens on it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});

it('a picked port is none of those already given away', async () => {
  const first = await pickFreePort();
  expect(await pickFreePort([first])).not.toBe(first);
});

it.each(['0', '65536', '80a', '', '-1', '1e3'])('AIRLOCK_PORT=%s is refused', (text) => {
  expect(() => parsePort(text)).toThrow('AIRLOCK_PORT');
});
