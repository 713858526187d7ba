import { expect, it } from 'vitest';
import { readOutputs } from './stack-outputs.ts';

const wanted = {
  HttpApiId: 'a',
  WebSocketApiId: 'b',
  WebSocketStage: 'live',
  UserPoolId: 'p',
  UserPoolClientId: 'c',
  IdentityTableName: 't',
  ExecutionStateMachineArn: 'arn',
  KeeperFunctionName: 'k',
  ReconcilerFunctionName: 'r',
};

it('outputs are found in whichever stack has them', () => {
  const outputs = readOutputs(JSON.stringify({ One: wanted, Two: { JwksRefresherFunctionName: 'j' }, Three: {} }));
  expect(outputs).toMatchObject({ HttpApiId: 'a', JwksRefresherFunctionName: 'j' });
});

it('a missing output is named', () => {
  expect(() => readOutputs(JSON.stringify({ One: wanted }))).toThrow('JwksRefresherFunctionName');
});
