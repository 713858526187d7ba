import { z } from 'zod';
import { approvalId } from '../ids.ts';
import { deliveryView, notificationPreferences } from '../notification.ts';
import { defineRoute } from '../route.ts';

export const getNotificationPreferences = defineRoute({
  id: 'getNotificationPreferences',
  method: 'GET',
  path: '/api/v1/me/notifications',
  permission: 'signed_in',
  summary: 'By which channels you are told of approval requests, and when not.',
  responses: { 200: notificationPreferences },
});

export const putNotificationPreferences = defineRoute({
  id: 'putNotificationPreferences',
  method: 'PUT',
  path: '/api/v1/me/notifications',
  permission: 'signed_in',
  summary: 'Set by which channels you are told, in your order, your quiet hours, and whether outcomes are told too.',
  body: notificationPreferences,
  responses: { 200: notificationPreferences },
});

export const listNotifications = defineRoute({
  id: 'listNotifications',
  method: 'GET',
  path: '/api/v1/approvals/{approval_id}/notifications',
  permission: 'approve',
  summary: 'Who was told of a request, by which channel, and whether it arrived there.',
  params: z.strictObject({ approval_id: approvalId }),
  responses: { 200: z.object({ notifications: z.array(deliveryView) }) },
});
