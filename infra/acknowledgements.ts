import { type App, Stack, Token, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Findings of the AWS Solutions rules that stand, each with its reason. A finding names what it is about, so a new wildcard elsewhere
 * is a new finding and stops the synthesis.
 */
export function acknowledgeFindings(app: App): void {
  for (const [stackName, findings] of Object.entries(FINDINGS)) {
    const stack = app.node.findAll().find((node): node is Stack => Stack.isStack(node) && node.stackName === stackName);
    if (!stack) throw new Error(`there is no stack ${stackName} to acknowledge findings of`);
    for (const [reason, ids] of findings)
      Validations.of(stack).acknowledge(...ids.map((id) => ({ id: `AwsSolutions-${inAccountOf(stack, id)}`, reason })));
  }
  acknowledgeFunctions(app);
}

/** With credentials, as in a deployment, findings name the account itself; without any they name its placeholder. */
const inAccountOf = (stack: Stack, id: string): string =>
  Token.isUnresolved(stack.account) ? id : id.replaceAll('<AWS::AccountId>', stack.account);

/** Every function traces, and some stand in a network; neither kind of action knows a narrower resource. */
function acknowledgeFunctions(app: App): void {
  const reason = 'X-Ray, and network interfaces before they exist, know no narrower resource';
  const isRoleOfFunction = (node: IConstruct): boolean => /^airlock-application\/Functions\/[a-z-]+\/Role$/.test(node.node.path);
  for (const role of app.node.findAll().filter(isRoleOfFunction)) {
    Validations.of(role).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason });
  }
}

const data = (kind: string): string => `IAM5[Resource::airlock-data:ExportsOutputFnGetAttData666C94C7Arn0D7E21B7/${kind}/*]`;
const indexesOf = (table: string): string => `IAM5[Resource::airlock-data:ExportsOutputFnGetAtt${table}/index/*]`;

type Findings = readonly (readonly [reason: string, ids: readonly string[]])[];

const FINDINGS: Readonly<Record<string, Findings>> = {
  'airlock-data': [
    ['the bucket of access logs keeps no log of its own', ['S1']],
    [
      'what the front door adds is rotated by a deployment, and what channels need by those who gave it (docs/deploy.md)',
      ['SMG4'],
    ],
  ],
  'airlock-application': [
    [
      'objects of one kind, by their prefix',
      [data('manifests'), data('blobs'), data('uploads'), data('events'), data('archive'), data('artifacts')],
    ],
    [
      'anchors and the records they stand for, by their prefix',
      ['anchors', 'audit'].map((kind) => `IAM5[Resource::airlock-data:ExportsOutputFnGetAttAudit3D8ADE0AArn5960E565/${kind}/*]`),
    ],
    [
      'all indexes of one table',
      [
        indexesOf('executionsTableB9F8DDA3Arn67EA62E4'),
        indexesOf('approvalsTable424BBC4DArn0D921078'),
        indexesOf('notificationsTable066284B5Arn55FF04FB'),
        indexesOf('identityTableFF812E47Arn1924C3E0'),
        indexesOf('auditTable79EFCAFAArn96003C81'),
      ],
    ],
    [
      'the library grants the key under its whole family of names',
      ['IAM5[Action::kms:ReEncrypt*]', 'IAM5[Action::kms:GenerateDataKey*]'],
    ],
    [
      'connections, executions and tasks have ids nobody knows before',
      [
        'IAM5[Resource::arn:<AWS::Partition>:execute-api:us-east-1:<AWS::AccountId>:<LiveApi149456B6>/live/POST/@connections/*]',
        'IAM5[Resource::arn:<AWS::Partition>:execute-api:us-east-1:<AWS::AccountId>:<LiveApi149456B6>/live/DELETE/@connections/*]',
        'IAM5[Resource::arn:<AWS::Partition>:states:us-east-1:<AWS::AccountId>:execution:airlock-production-execution:*]',
        'IAM5[Resource::arn:<AWS::Partition>:ecs:us-east-1:<AWS::AccountId>:task/<SandboxesCluster679FB0D8>/*]',
      ],
    ],
    [
      'in its sandbox SES asks for the recipient’s identity besides the sender’s, which a condition names',
      ['IAM5[Resource::arn:<AWS::Partition>:ses:us-east-1:<AWS::AccountId>:identity/*]'],
    ],
    ['functions authenticate each request themselves, against a row that revocation changes at once', ['APIG4']],
    ['this queue is where letters end', ['SQS3']],
    ['a sandbox must not reach the log service: its output goes through the dispatcher', ['ECS7']],
    ['which roles must sign in with a second factor is in api-security.yaml, and held by the API', ['COG2']],
    ['the Plus plan costs per user and month; Cognito limits failed sign-ins in every plan', ['COG8']],
  ],
  'airlock-front-door': [
    ['the bucket of access logs keeps no log of its own', ['S1']],
    ['it is logged by a delivery that leaves out queries, which the rule does not know', ['CFR3']],
    ['who may call is decided by sign-in, not by country', ['CFR1']],
    ['without a domain of the owner CloudFront serves its own certificate; docs/deploy.md says how to bring one', ['CFR4']],
  ],
};
