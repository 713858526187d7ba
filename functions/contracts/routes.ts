/** One function per resource: the table that infra, the router and the tests read. */

import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from './routes/api-keys.ts';
import {
  commentOnApproval,
  decideApproval,
  delegateApproval,
  dryRunApprovalRules,
  getApproval,
  getApprovalMetrics,
  listApprovalRules,
  listApprovals,
  listStandingApprovals,
  requestApproval,
  revokeStandingApproval,
  withdrawApproval,
} from './routes/approvals.ts';
import { listAudit } from './routes/audit.ts';
import { answerChallenge, login, logout, refresh, revokeSessions, revokeToken } from './routes/auth.ts';
import { cancelExecution, execute, getEvents, getExecution, getFile, listExecutions } from './routes/executions.ts';
import { createUpload } from './routes/files.ts';
import { health } from './routes/health.ts';
import { getMe, getUser, listUsers, updateUser } from './routes/identity.ts';
import { getRateLimits, resetRateLimits } from './routes/limits.ts';
import { createLiveTicket } from './routes/live.ts';
import { getNotificationPreferences, listNotifications, putNotificationPreferences } from './routes/notifications.ts';
import { getPageSession, openPageSession, renewPageSession } from './routes/page-session.ts';
import { beginPageSignIn, finishPageSignIn } from './routes/page-sign-in.ts';
import {
  commentOnPage,
  decideOnPage,
  delegateOnPage,
  showApproval,
  showApprovals,
  showSignIn,
  signInOnPage,
  signOutOnPage,
  withdrawOnPage,
} from './routes/pages.ts';
import { followLink, showLink } from './routes/personal-links.ts';
import { listSecurityEvents, listSecurityResponses, respondToThreat, reverseResponse } from './routes/security.ts';
import { slackInteraction } from './routes/slack.ts';

export const ROUTES_OF_FUNCTION = {
  executions: [execute, listExecutions, getExecution, getEvents, getFile, cancelExecution],
  files: [createUpload],
  approvals: [
    listApprovals,
    requestApproval,
    getApproval,
    decideApproval,
    delegateApproval,
    commentOnApproval,
    withdrawApproval,
    listApprovalRules,
    getApprovalMetrics,
    dryRunApprovalRules,
    listStandingApprovals,
    revokeStandingApproval,
    showApprovals,
    showApproval,
    showLink,
    followLink,
    decideOnPage,
    delegateOnPage,
    commentOnPage,
    withdrawOnPage,
  ],
  auth: [
    login,
    answerChallenge,
    refresh,
    revokeToken,
    logout,
    revokeSessions,
    openPageSession,
    getPageSession,
    renewPageSession,
    beginPageSignIn,
    finishPageSignIn,
    showSignIn,
    signInOnPage,
    signOutOnPage,
  ],
  identity: [getMe, listUsers, getUser, updateUser, createApiKey, listApiKeys, rotateApiKey, revokeApiKey],
  audit: [listAudit],
  notifications: [getNotificationPreferences, putNotificationPreferences, listNotifications],
  slack: [slackInteraction],
  live: [createLiveTicket],
  security: [getRateLimits, resetRateLimits, listSecurityEvents, listSecurityResponses, respondToThreat, reverseResponse],
  health: [health],
} as const;
export type ApiFunction = keyof typeof ROUTES_OF_FUNCTION;
