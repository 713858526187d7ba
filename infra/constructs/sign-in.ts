import { Duration, SecretValue, Stack } from 'aws-cdk-lib';
import {
  AccountRecovery,
  CfnUserPoolGroup,
  CfnUserPoolIdentityProvider,
  ClientAttributes,
  Mfa,
  OAuthScope,
  StringAttribute,
  UserPool,
  type UserPoolClient,
  UserPoolClientIdentityProvider,
  type UserPoolClientOptions,
} from 'aws-cdk-lib/aws-cognito';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import type { Configuration } from '../../functions/core/policy/configuration.ts';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

const SAML_EMAIL = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress';

type Sso = Configuration['security']['authentication']['sso'];

/** Where people sign in. Nobody signs up: an admin makes each user. */
export class SignIn extends Construct {
  readonly pool: UserPool;
  /** Seals what the pool gave and sessions keep. */
  readonly sessionKey: Key;
  readonly client: UserPoolClient;
  /** The pool's own page, where browsers sign in, or go on to a provider; none where nobody said under which address people see us. */
  readonly page: { readonly url: string; readonly client: UserPoolClient } | undefined;

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
      // Another address counts from when somebody has shown that it is theirs.
      keepOriginal: { email: true },
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
      // What a provider says of somebody's groups there.
      customAttributes: { groups: new StringAttribute({ mutable: true, maxLen: 2048 }) },
      deletionProtection: !stage.isEmulated,
      removalPolicy: stage.removalPolicy,
    });
    this.sessionKey = new Key(this, 'SessionKey', {
      description: 'Airlock sessions',
      enableKeyRotation: true,
      removalPolicy: stage.removalPolicy,
    });
    const { jwt, sso } = security.authentication;
    const common = {
      generateSecret: false,
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      accessTokenValidity: Duration.seconds(jwt.access_token_ttl),
      idTokenValidity: Duration.seconds(jwt.access_token_ttl),
      refreshTokenValidity: Duration.seconds(jwt.refresh_token_ttl),
    };
    this.client = this.pool.addClient('Api', {
      ...common,
      // Only with our own role beside the password: whoever knows just the password and this client's id gets nothing from the pool.
      authFlows: { adminUserPassword: true },
      disableOAuth: true,
      // What its tokens may write of their holder: not their address, and not the groups that a provider says they have. An empty list
      // would mean everything.
      writeAttributes: new ClientAttributes().withStandardAttributes({ locale: true }),
    });
    this.page = this.#page(stage, sso, common);
    // What a role may do is in the functions' own rules; the pool only says who has it.
    for (const groupName of Object.keys(security.authorization.roles)) {
      new CfnUserPoolGroup(this, groupName, { userPoolId: this.pool.userPoolId, groupName });
    }
  }

  #page(stage: Stage, sso: Sso, common: UserPoolClientOptions): SignIn['page'] {
    const publicUrl = stage.local?.publicUrl ?? sso.public_url;
    if (publicUrl === undefined) return undefined;
    // The emulator refuses them in a template; tests there make one with a call.
    const providers = stage.isEmulated ? [] : sso.providers.map((provider) => this.#provider(provider));
    const client = this.pool.addClient('Pages', {
      ...common,
      // Nothing but codes, and going on with what they gave.
      authFlows: { userSrp: false },
      oAuth: {
        flows: { authorizationCodeGrant: true },
        // Without Cognito's own scope its tokens can change nothing about their holder.
        scopes: [OAuthScope.OPENID, OAuthScope.EMAIL],
        callbackUrls: [`${publicUrl}/api/v1/auth/callback`],
      },
      supportedIdentityProviders: [
        UserPoolClientIdentityProvider.COGNITO,
        ...providers.map(({ providerName }) => UserPoolClientIdentityProvider.custom(providerName)),
      ],
    });
    for (const provider of providers) client.node.addDependency(provider);
    if (stage.local) return { url: stage.local.emulatorUrl, client };
    const domain = this.pool.addDomain('Page', { cognitoDomain: { domainPrefix: `airlock-${Stack.of(this).account}` } });
    return { url: domain.baseUrl(), client };
  }

  #provider(provider: Sso['providers'][number]): CfnUserPoolIdentityProvider {
    const { type, name } = provider;
    return new CfnUserPoolIdentityProvider(this, `Provider-${name}`, {
      userPoolId: this.pool.userPoolId,
      providerName: name,
      providerType: type.toUpperCase(),
      ...(type === 'oidc'
        ? {
            providerDetails: {
              oidc_issuer: provider.issuer,
              client_id: provider.client_id,
              // Read when the stack is deployed, and in no template.
              client_secret: SecretValue.secretsManager(provider.client_secret_name).unsafeUnwrap(),
              authorize_scopes: 'openid email profile',
              attributes_request_method: 'GET',
            },
            attributeMapping: { email: 'email', email_verified: 'email_verified', 'custom:groups': provider.groups_claim },
          }
        : {
            providerDetails: { MetadataURL: provider.metadata_url },
            attributeMapping: { email: SAML_EMAIL, 'custom:groups': provider.groups_attribute },
          }),
    });
  }

  /** Signs people in and out. It makes nobody and gives no roles. */
  maySignIn(auth: AirlockFunction<'api/auth'>): void {
    auth.allow(['cognito-idp:AdminInitiateAuth', 'cognito-idp:AdminRespondToAuthChallenge'], [this.pool.userPoolArn]);
    auth.allow(['cognito-idp:AdminUserGlobalSignOut'], [this.pool.userPoolArn]);
    auth.allow(['kms:Encrypt', 'kms:Decrypt'], [this.sessionKey.keyArn]);
  }

  maySignOut(monitor: AirlockFunction<'events/security-monitor'>): void {
    monitor.allow(['cognito-idp:AdminUserGlobalSignOut'], [this.pool.userPoolArn]);
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
