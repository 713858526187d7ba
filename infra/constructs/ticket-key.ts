import { AccountRootPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

/** What an account's administrators may do with the key. Signing is not among it, so no policy elsewhere can give it away. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:Describe*',
  'kms:Disable*',
  'kms:Enable*',
  'kms:Get*',
  'kms:List*',
  'kms:PutKeyPolicy',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:Update*',
];

/** Signs run tickets. The private half never leaves KMS, and one role may use it. */
export class TicketKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { stage }: { readonly stage: Stage }) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'Airlock run tickets',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: stage.removalPolicy,
      // The emulator knows the library's policy only.
      ...(stage.isEmulated ? {} : { policy: new PolicyDocument({ statements: [this.#administration()] }) }),
    });
  }

  maySign(gate: AirlockFunction<'tasks/issue-ticket'>): void {
    gate.allow(['kms:Sign', 'kms:GetPublicKey'], [this.key.keyArn]);
    if (gate.stage.isEmulated) return;
    this.key.addToResourcePolicy(
      new PolicyStatement({ principals: [gate.lambda.grantPrincipal], actions: ['kms:Sign'], resources: ['*'] }),
      false,
    );
  }

  mayBeReadBy(keeper: AirlockFunction<'events/keeper'>): void {
    keeper.allow(['kms:GetPublicKey'], [this.key.keyArn]);
  }

  #administration(): PolicyStatement {
    return new PolicyStatement({ principals: [new AccountRootPrincipal()], actions: ADMINISTRATION, resources: ['*'] });
  }
}
