import { Duration } from 'aws-cdk-lib';
import { AccountRecovery, CfnUserPoolGroup, Mfa, UserPool, type UserPoolClient } from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import type { Stage } from '../config.ts';

/** The roles an identity can hold, as groups; what each may do is in the functions' own rules. */
const ROLES = ['admin', 'developer', 'approver', 'viewer'] as const;

/** Where people sign in. Nobody signs up: an admin makes each user. */
export class SignIn extends Construct {
  readonly pool: UserPool;
  readonly client: UserPoolClient;

  constructor(scope: Construct, id: string, { stage }: { readonly stage: Stage }) {
    super(scope, id);
    this.pool = new UserPool(this, 'Users', {
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      // The API cannot answer a challenge yet, so nobody may lock themselves out by asking for one.
      mfa: Mfa.OFF,
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      passwordPolicy: {
        minLength: 14,
        requireDigits: true,
        requireLowercase: true,
        requireUppercase: true,
        requireSymbols: true,
        tempPasswordValidity: Duration.days(3),
      },
      deletionProtection: !stage.isEmulated,
      removalPolicy: stage.removalPolicy,
    });
    this.client = this.pool.addClient('Api', {
      authFlows: { userPassword: true },
      generateSecret: false,
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      accessTokenValidity: Duration.minutes(15),
      idTokenValidity: Duration.minutes(15),
      refreshTokenValidity: Duration.days(7),
      disableOAuth: true,
    });
    for (const groupName of ROLES) new CfnUserPoolGroup(this, groupName, { userPoolId: this.pool.userPoolId, groupName });
  }
}
