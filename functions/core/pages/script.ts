import type { Html } from '../text/html.ts';

/**
 * What a browser may add, and no page needs: time left that runs, one press for one decision, a session that lasts while somebody reads,
 * and word of a change that came meanwhile.
 */
export const SCRIPT: Html = {
  html: `
'use strict';
const left = (until) => {
  const seconds = Math.round((Date.parse(until) - performance.timeOrigin - performance.now()) / 1000);
  if (seconds <= 0) return 'time is over';
  if (seconds < 120) return seconds + ' s left';
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? minutes + ' minutes left' : minutes < 2880 ? Math.round(minutes / 60) + ' hours left' : Math.round(minutes / 1440) + ' days left';
};
const tick = () => {
  for (const place of document.querySelectorAll('[data-until]')) place.textContent = left(place.dataset.until);
};
tick();
setInterval(tick, 1000);

for (const form of document.querySelectorAll('form')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = '1';
    for (const button of form.querySelectorAll('button')) button.setAttribute('aria-disabled', 'true');
  });
}
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form')) delete form.dataset.sent;
});

const csrf = document.querySelector('form[action="/sign-out"] input[name=csrf_token]')?.value;
// A page that went on asking with a session that is over would look like somebody who tries to get in.
let isOver = false;
const renew = async () => {
  if (isOver) return;
  const answer = await fetch('/api/v1/auth/session/renew', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf }, body: '{}',
  }).catch(() => null);
  isOver = answer?.status === 401;
};
if (csrf) setInterval(renew, 300000);

const request = csrf && document.querySelector('[data-approval]');
if (request) {
  const look = async () => {
    if (document.hidden || isOver) return;
    const answer = await fetch('/api/v1/approvals/' + request.dataset.approval).catch(() => null);
    if (answer?.status === 401) return renew();
    if (!answer || !answer.ok) return;
    const now = await answer.json();
    const mark = [now.status, now.decisions.length, now.comments.length, now.versions.length].join(' ');
    if (mark === request.dataset.mark) return;
    clearInterval(looking);
    const news = document.getElementById('news');
    news.hidden = false;
    news.querySelector('p').textContent = now.status === 'open' ? 'Something was added to this request since you opened it.' : 'This request is ' + now.status + ' now.';
  };
  const looking = setInterval(look, 20000);
  document.addEventListener('visibilitychange', look);
}
`,
};
