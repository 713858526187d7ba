/** Figures and times as people read them. Text of others is made visible first: what could hide in it shows. */

import { madeVisible } from '../text/hidden.ts';
import { type Html, html } from '../text/html.ts';

const MIB = 1024 * 1024;

export const bytes = (count: number): string => {
  if (count < 1024) return `${count} bytes`;
  return count < MIB ? `${round(count / 1024)} KiB` : `${round(count / MIB)} MiB`;
};
const round = (value: number): string => value.toFixed(1).replace(/\.0$/, '');

/** As `23 Nov 2026, 10:43 UTC`. */
export const timeOf = (at: string): Html => {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) (\d\d:\d\d)/.exec(new Date(at).toUTCString()) ?? [];
  return html`<time datetime="${at}">${`${Number(day)} ${month} ${year}, ${time} UTC`}</time>`;
};

export function timeLeft(until: string, now: Date): string {
  const minutes = Math.round((Date.parse(until) - now.getTime()) / 60_000);
  if (minutes <= 0) return 'time is over';
  if (minutes < 120) return `${minutes} minutes left`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} hours left` : `${Math.round(minutes / 1440)} days left`;
}

export const deadline = (until: string | null, now: Date): Html =>
  until === null ? html`never` : html`${timeOf(until)} (<span data-until="${until}">${timeLeft(until, now)}</span>)`;

/** Text of others, on one line or more. */
export const shown = (text: string): string => madeVisible(text);

export const tagOf = (word: string, about = ''): Html => html`<span class="tag ${word}">${word}${about}</span>`;

/** Pairs of a list of facts; those without a value are left out. */
export function factsOf(pairs: readonly (readonly [string, string | Html | null])[]): Html {
  const shownPairs = pairs.flatMap(([name, value]) => (value === null ? [] : [html`<dt>${name}</dt><dd>${value}</dd>\n`]));
  return html`<dl class="facts">\n${shownPairs}</dl>`;
}

export const countOf = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
