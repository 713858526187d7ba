import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { bundleFunctions } from '../bundling.ts';
import { stageFrom } from '../config.ts';
import { localStage } from '../stages/local.ts';
import { productionStage } from '../stages/production.ts';

const stage = stageFrom(process.env);
const app = new App();
const bundles = bundleFunctions(join(app.outdir, 'functions'), stage.name);
if (stage.local) {
  localStage(app, stage, stage.local, bundles);
} else {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  await productionStage(app, stage, bundles);
}
