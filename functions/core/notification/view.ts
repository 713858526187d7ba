import type { Delivery, DeliveryView } from '../../contracts/notification.ts';

/** A shared phone is named by its end alone: whoever may see the request need not be able to call it. */
export function deliveryViewOf(row: Delivery): DeliveryView {
  const { recipient } = row;
  const name = recipient.kind === 'person' ? recipient.email : recipient.name.replace(/^\+\d+(?=\d{3}$)/, '…');
  return {
    delivery_id: row.delivery_id,
    approval_id: row.approval_id,
    event: row.event,
    asks: row.asks,
    recipient: { kind: recipient.kind, name },
    channel: row.channel,
    updates: row.updates,
    status: row.status,
    attempts: row.attempts,
    last_error: row.last_error,
    created_at: row.created_at,
    updated_at: row.updated_at,
    due_at: 'due_at' in row ? row.due_at : null,
    ended_at: 'ended_at' in row ? row.ended_at : null,
  };
}
