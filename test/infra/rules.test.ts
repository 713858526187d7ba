import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, it } from 'vitest';
import { acknowledgeFindings } from '../../infra/acknowledgements.ts';
import { productionApp } from './production.ts';

it.each([
  ['without credentials, as in a check', undefined],
  ['with the credentials of an account, as in a deployment', '111122223333'],
])('the production stage keeps the rules of AWS Solutions %s', (_, account) => {
  const { app } = productionApp(account);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  acknowledgeFindings(app);
  const assembly = app.synth();
  expect(assembly.manifest.missing, 'what `cdk` would have to look up').toBeUndefined();
});
