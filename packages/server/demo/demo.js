/** The demo page: plain DOM beside the elements, as any page would have it. */

const provider = document.querySelector('billing-provider');
const message = document.querySelector('#message');
const number = new Intl.NumberFormat();
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });

await customElements.whenDefined('billing-provider');
const { store } = provider;

/** For an answer of something else than the demo's server, or of half of it. */
const UNREADABLE = 'The demo’s server answered strangely. Is it still running?';

/** What each action meters, and how it is told. */
const ACTIONS = {
  'api-call': { feature: 'api_calls', done: 'Counted on the server, shown here.' },
  'add-member': { feature: 'team_members', done: 'Welcome aboard.' },
  'remove-member': { feature: 'team_members', done: 'The seat is free again.' },
  downgrade: { done: 'Back on Starter. What you used stays counted.' },
  upgrade: { done: 'You are on Pro. Every limit rose at once.' },
};

for (const button of document.querySelectorAll('button[data-action]')) {
  const { action, times = '1' } = button.dataset;
  button.addEventListener('click', () => busy(button, () => perform(action, Number(times))));
}

const upload = document.querySelector('#upload');
const file = document.querySelector('#file');
upload.addEventListener('click', () => file.click());
file.addEventListener('change', () => {
  const [chosen] = file.files;
  file.value = '';
  if (chosen !== undefined) busy(upload, () => trackUpload(chosen));
});

document.addEventListener('billing-upgrade', (event) => {
  event.preventDefault();
  perform('upgrade', 1);
});

const bar = document.querySelector('#own-bar');
document.querySelector('#own-range').addEventListener('input', ({ target }) => {
  bar.setAttribute('consumed', target.value);
});

for (const radio of document.querySelectorAll('input[name="theme"]')) {
  radio.addEventListener('change', () => (document.documentElement.dataset.theme = radio.value));
}

store.subscribe(showPlan);
showPlan();
showSnippets();

/** Asks the page's own server to do something that it meters. */
async function perform(action, times) {
  const { feature, done } = ACTIONS[action];
  const replies = await Promise.all(
    Array.from({ length: times }, () =>
      fetch(`/demo/actions/${action}`, { method: 'POST' }).catch(() => null),
    ),
  );
  const refused = replies.find((reply) => reply?.ok !== true);
  if (refused === undefined) say('good', done);
  else if (refused === null) say('bad', 'The demo’s server does not answer. Is it still running?');
  else explain(await refused.json().catch(() => ({ message: UNREADABLE })), feature);
}

/** Tracks an upload from the browser, as the guide does: the file's size in GB. */
async function trackUpload({ name, size }) {
  try {
    await store.trackUsage({ featureKey: 'storage_gb', quantity: size / 1024 ** 3 });
    await store.trackUsage({ featureKey: 'files_processed', quantity: 1 });
    say(
      'good',
      `${name} is counted with ${number.format(size)} ${size === 1 ? 'byte' : 'bytes'}. It was not sent anywhere.`,
    );
  } catch (error) {
    explain(error, 'storage_gb');
  }
}

/** Says kindly what a refusal means and what to do. */
function explain({ code, message: text }, feature) {
  const metric = store.feature(feature);
  if (code === 'quota_exceeded' && metric !== undefined) {
    const { feature_title: title, limit, period_end: end, product_name: plan } = metric;
    const back = end === null ? 'Free some up' : `They come back on ${date.format(new Date(end))}`;
    const way = plan === 'Pro' ? '.' : ', or upgrade to Pro and go on now.';
    say(
      'bad',
      `Refused, and not counted: ${title} are at their limit of ${number.format(limit)}. ${back}${way}`,
    );
  } else if (code === 'usage_below_zero') {
    say('bad', 'There is nobody left to remove.');
  } else {
    say('bad', text);
  }
}

function showPlan() {
  const calls = store.feature('api_calls');
  document.querySelector('.plan').hidden = calls?.product_name !== 'Pro';
  if (calls !== undefined && message.dataset.tone === 'quiet') {
    const { limit, warn_at: warnAt } = calls;
    message.textContent = `The plan includes ${number.format(limit)} API calls. See what happens at ${number.format((limit * warnAt) / 100)}.`;
  }
}

function showSnippets() {
  const { origin } = location;
  document.querySelector('#snippet').textContent =
    `<script type="module" src="${origin}/billingos.js"></script>
<billing-provider session-token-url="/api/billingos-session">
  <billing-usage-display heading="Your usage"></billing-usage-display>
  <billing-upgrade-nudge upgrade-url="/pricing?plan={priceId}"></billing-upgrade-nudge>
</billing-provider>`;
  document.querySelector('#command').textContent = `curl ${origin}/v1/usage/track \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{"customer_id": "user_123", "feature_key": "api_calls", "quantity": 10}'`;
}

async function busy(button, work) {
  button.setAttribute('aria-busy', 'true');
  await work();
  button.removeAttribute('aria-busy');
}

function say(tone, text) {
  message.dataset.tone = tone;
  message.textContent = text;
}
