import { describe, expect, it } from 'vitest';
import { type EdgeConfiguration, isLongPoll, pathOf, routeOf, upstreamHeaders, webSocketTarget } from './edge-rules.ts';

const configuration: EdgeConfiguration = {
  port: 8080,
  emulatorUrl: 'http://127.0.0.1:4566',
  frontDoorSecret: 'the-secret',
  httpApiId: 'http1',
  webSocketApiId: 'ws1',
  webSocketStage: 'live',
};
const viewer = { address: '203.0.113.9', port: 50_123 };

describe('headers sent upstream', () => {
  it('carry the secret of the front door and the address the connection really came from', () => {
    expect(upstreamHeaders({ accept: '*/*', host: '127.0.0.1:8080' }, viewer, configuration)).toEqual({
      accept: '*/*',
      host: '127.0.0.1:8080',
      'x-airlock-front-door': 'the-secret',
      'x-airlock-client-address': '203.0.113.9',
      'x-airlock-public-origin': 'http://127.0.0.1:8080',
      'x-forwarded-for': '203.0.113.9',
    });
  });

  it.each([
    'x-airlock-front-door',
    'X-Airlock-Front-Door',
    'x-airlock-anything',
    'cloudfront-viewer-address',
    'CloudFront-Viewer-Country',
    'x-forwarded-for',
    'x-forwarded-host',
    'forwarded',
    'x-real-ip',
  ])('never include what a client wrote into %s', (name) => {
    expect(JSON.stringify(upstreamHeaders({ [name]: 'forged' }, viewer, configuration))).not.toContain('forged');
  });

  it('show an IPv4 client of a dual socket as IPv4', () => {
    const headers = upstreamHeaders({}, { address: '::ffff:198.51.100.4', port: 1 }, configuration);
    expect(headers['x-airlock-client-address']).toBe('198.51.100.4');
    expect(headers['x-forwarded-for']).toBe('198.51.100.4');
  });
});

describe('routes of the one origin', () => {
  it('pass API paths and queries on byte for byte', () => {
    expect(routeOf('/api/v1/x%20y?a=1&a=2', configuration)).toEqual({
      kind: 'api',
      target: 'http://127.0.0.1:4566/_aws/execute-api/http1/$default/api/v1/x%20y?a=1&a=2',
    });
  });

  it('serve nothing of the emulator besides the API', () => {
    expect(routeOf('/_aws/execute-api/other/$default/x', configuration)).toEqual({ kind: 'unknown' });
    expect(routeOf('/_ministack/health', configuration)).toEqual({ kind: 'unknown' });
    expect(routeOf('/apifoo', configuration)).toEqual({ kind: 'unknown' });
  });

  it('keep a path with dot segments from climbing out of the API', () => {
    for (const path of [
      '/api/../../../../_ministack/reset',
      '/api/%2e%2e/%2E%2e/x',
      '/api/v1/..',
      '/api/v1/.%2e/x',
      '/api\\..\\x',
    ]) {
      expect(routeOf(path, configuration), path).toEqual({ kind: 'unknown' });
    }
  });
});

describe('the WebSocket address', () => {
  it('moves the client id from the path into the query and keeps the ticket', () => {
    expect(webSocketTarget('/api/v1/ws/client-12?ticket=abc', configuration)).toBe(
      'http://127.0.0.1:4566/_aws/execute-api/ws1/live?ticket=abc&client_id=client-12',
    );
  });

  it('takes the client id from the path also when the query names another', () => {
    const target = webSocketTarget('/api/v1/ws/mine?client_id=yours&client_id=theirs', configuration);
    expect(new URL(target ?? '').searchParams.getAll('client_id')).toEqual(['mine']);
  });

  it.each(['/api/v1/ws', '/api/v1/ws/', '/api/v1/ws/a/b', '/api/v1/ws/a%2Fb', '/ws/a'])('is refused for %s', (path) => {
    expect(webSocketTarget(path, configuration)).toBeUndefined();
  });
});

it('the loggable part of a request target holds no query', () => {
  expect(pathOf('/api/v1/ws/client?ticket=secret')).toBe('/api/v1/ws/client');
});

describe('a request that waits on purpose', () => {
  const events = '/api/v1/executions/exec_1/events';
  it.each([
    ['GET', `${events}?after=3&wait=20`, {}, true],
    ['POST', '/api/v1/execute', { prefer: 'respond-async, wait=10' }, true],
    ['GET', events, {}, false],
    ['GET', `${events}?wait=0`, {}, false],
    ['GET', `${events}?wait=soon`, {}, false],
    ['POST', `${events}?wait=20`, {}, false],
    ['GET', '/api/v1/me?wait=20', {}, false],
    ['GET', '/api/v1/executions/a/b/events?wait=20', {}, false],
    ['POST', '/api/v1/execute?wait=20', {}, false],
    ['POST', '/api/v1/files', { prefer: 'wait=10' }, false],
  ])('%s %s %j: %s', (method, url, headers, expected) => {
    expect(isLongPoll({ method, url, headers })).toBe(expected);
  });
});
