import { Duration } from 'aws-cdk-lib';
import { AccountRecovery, CfnUserPoolGroup, Mfa, UserPool, type UserPoolClient } from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import type { Configuration } from '../../functions/core/policy/configuration.ts';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

/** Where people sign in. Nobody signs up: an admin makes each user. */
export class SignIn extends Construct {
  readonly pool: UserPool;
  readonly client: UserPoolClient;

  constructor(
    scope: Construct,
    id: string,
    { stage, security }: { readonly stage: Stage; readonly security: Configuration['security'] },
  ) {
    super(scope, id);
    this.pool = new UserPool(this, 'Users', {
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      // Which roles must have one is the API's to see to; Cognito asks whoever has set one up.
      mfa: Mfa.OPTIONAL,
      mfaSecondFactor: { otp: true, sms: false },
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
    const { jwt } = security.authentication;
    this.client = this.pool.addClient('Api', {
      authFlows: { userPassword: true },
      generateSecret: false,
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      accessTokenValidity: Duration.seconds(jwt.access_token_ttl),
      idTokenValidity: Duration.seconds(jwt.access_token_ttl),
      refreshTokenValidity: Duration.seconds(jwt.refresh_token_ttl),
      disableOAuth: true,
    });
    // What a role may do is in the functions' own rules; the pool only says who has it.
    for (const groupName of Object.keys(security.authorization.roles)) {
      new CfnUserPoolGroup(this, groupName, { userPoolId: this.pool.userPoolId, groupName });
    }
  }

  /** Roles and whether a user may sign in: nothing that makes users or changes a password. */
  mayManageUsers(manager: AirlockFunction<FunctionName>): void {
    manager.allow(
      [
        'cognito-idp:AdminAddUserToGroup',
        'cognito-idp:AdminDisableUser',
        'cognito-idp:AdminEnableUser',
        'cognito-idp:AdminListGroupsForUser',
        'cognito-idp:AdminRemoveUserFromGroup',
        'cognito-idp:AdminUserGlobalSignOut',
      ],
      [this.pool.userPoolArn],
    );
  }
}
