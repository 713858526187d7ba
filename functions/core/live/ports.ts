import type { Actor } from '../identity/actor.ts';

/** One connection that follows one topic. `cursor` is the last seq it was given. */
export interface Subscription {
  readonly connection_id: string;
  readonly cursor: number;
}

export interface LiveStore {
  putTicket(ticket: string, holder: { actor: Actor; client_id: string }, expiresAt: Date): Promise<void>;
  /** The holder, once; null for every later call. */
  takeTicket(ticket: string, clientId: string, now: Date): Promise<Actor | null>;
  connect(connectionId: string, actor: Actor, now: Date): Promise<void>;
  actorOf(connectionId: string): Promise<Actor | null>;
  /** Open connections of a user, and some that may be gone. */
  connectionsOf(userId: string): Promise<string[]>;
  disconnect(connectionId: string): Promise<void>;
  subscribe(topic: string, connectionId: string, after: number, now: Date): Promise<void>;
  unsubscribe(topic: string, connectionId: string): Promise<void>;
  /** What a connection follows. */
  topicsOf(connectionId: string): Promise<string[]>;
  subscribers(topic: string): Promise<Subscription[]>;
  subscription(topic: string, connectionId: string): Promise<Subscription | null>;
  /** Takes the right to send what follows `from`, for a while; false when another sender is at it or the cursor stands elsewhere. */
  beginSend(topic: string, connectionId: string, from: number, now: Date): Promise<boolean>;
  /** Somebody who could not send notes how far there is something to send. */
  noteMore(topic: string, connectionId: string, seq: number): Promise<void>;
  /**
   * Moves the cursor from where this sender began to what it sent; one that took so long that another began leaves everything as it is.
   * True when more was noted meanwhile.
   */
  endSend(topic: string, connectionId: string, from: number, sent: number): Promise<boolean>;
}

/** `gone` when the connection no longer exists. */
export type PostToConnection = (connectionId: string, frame: string) => Promise<'sent' | 'gone'>;
