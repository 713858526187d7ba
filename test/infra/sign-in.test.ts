import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../functions/core/policy/configuration.ts';
import { stageFrom } from '../../infra/config.ts';
import { SignIn } from '../../infra/constructs/sign-in.ts';
import { configuration } from '../support/configuration.ts';

type Sso = Configuration['security']['authentication']['sso'];

const PROVIDERS: Sso['providers'] = [
  {
    type: 'oidc',
    name: 'Okta',
    issuer: 'https://example.okta.com',
    client_id: 'airlock',
    client_secret_name: 'okta-client-secret',
    groups_claim: 'groups',
    second_factor: true,
  },
  {
    type: 'saml',
    name: 'Adfs',
    metadata_url: 'https://adfs.example.org/metadata.xml',
    groups_attribute: 'memberOf',
    second_factor: false,
  },
];

function signInWith(sso: Partial<Sso>): Template {
  const { security } = configuration;
  const authentication = { ...security.authentication, sso: { ...security.authentication.sso, ...sso } };
  const stack = new Stack(new App(), 'SignIn');
  new SignIn(stack, 'SignIn', { stage: stageFrom({}), security: { ...security, authentication } });
  return Template.fromStack(stack);
}

describe('signing in on a page, on AWS', () => {
  it('is not there until somebody says under which address people see us', () => {
    const template = signInWith({ public_url: undefined, providers: [] });
    template.resourceCountIs('AWS::Cognito::UserPoolDomain', 0);
    template.resourceCountIs('AWS::Cognito::UserPoolIdentityProvider', 0);
    template.resourceCountIs('AWS::Cognito::UserPoolClient', 1);
    template.hasResourceProperties('AWS::Cognito::UserPoolClient', { AllowedOAuthFlowsUserPoolClient: false });
  });

  it('gives codes to our own callback alone, and tokens that change nothing about their holder', () => {
    const template = signInWith({ public_url: 'https://airlock.example', providers: PROVIDERS });
    template.hasResourceProperties('AWS::Cognito::UserPoolClient', {
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'email'],
      CallbackURLs: ['https://airlock.example/api/v1/auth/callback'],
      ExplicitAuthFlows: ['ALLOW_REFRESH_TOKEN_AUTH'],
      GenerateSecret: false,
      SupportedIdentityProviders: ['COGNITO', 'Okta', 'Adfs'],
    });
  });

  it('takes groups from a provider, and from nobody who could write them for themselves', () => {
    const template = signInWith({ public_url: 'https://airlock.example', providers: PROVIDERS });
    template.hasResourceProperties('AWS::Cognito::UserPoolIdentityProvider', {
      ProviderName: 'Okta',
      ProviderType: 'OIDC',
      AttributeMapping: { email: 'email', email_verified: 'email_verified', 'custom:groups': 'groups' },
      ProviderDetails: Match.objectLike({ oidc_issuer: 'https://example.okta.com', client_id: 'airlock' }),
    });
    template.hasResourceProperties('AWS::Cognito::UserPoolIdentityProvider', {
      ProviderName: 'Adfs',
      ProviderType: 'SAML',
      AttributeMapping: Match.objectLike({ 'custom:groups': 'memberOf' }),
      ProviderDetails: { MetadataURL: 'https://adfs.example.org/metadata.xml' },
    });
  });

  it('takes a password only together with our own role, and lets its tokens change nothing that counts', () => {
    const template = signInWith({});
    template.hasResourceProperties('AWS::Cognito::UserPoolClient', {
      ExplicitAuthFlows: ['ALLOW_ADMIN_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      WriteAttributes: ['locale'],
    });
    template.hasResourceProperties('AWS::Cognito::UserPool', {
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true },
      UserAttributeUpdateSettings: { AttributesRequireVerificationBeforeUpdate: ['email'] },
    });
  });

  it('writes a provider’s secret into no template', () => {
    const text = JSON.stringify(signInWith({ public_url: 'https://airlock.example', providers: PROVIDERS }).toJSON());
    expect(text).toContain('{{resolve:secretsmanager:okta-client-secret:SecretString:::}}');
  });
});
