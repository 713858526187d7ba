import type { Instance } from './instance.ts';

/** The emulator takes any key; real ones must never reach it. */
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const region = 'us-east-1';

/** Settings for the SDK's clients. */
export const clientSettings = (instance: Instance) => ({ endpoint: instance.emulatorUrl, region, credentials });

/** The same for programs that read the environment. */
export const cloudEnvironment = (instance: Instance): Record<string, string> => ({
  // The CDK reaches buckets by their host name, and only "localhost" has names under it.
  AWS_ENDPOINT_URL: instance.emulatorUrl.replace('127.0.0.1', 'localhost'),
  AWS_ENDPOINT_URL_S3: instance.emulatorUrl.replace('127.0.0.1', 'localhost'),
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: region,
  AWS_DEFAULT_REGION: region,
  AWS_EC2_METADATA_DISABLED: 'true',
  CDK_DEFAULT_ACCOUNT: '000000000000',
  CDK_DEFAULT_REGION: region,
});
