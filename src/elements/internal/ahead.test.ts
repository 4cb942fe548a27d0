import { afterEach, describe, expect, it } from '../testing/test.ts';
import { askAhead, pageFetch } from './ahead.ts';

/** A file that this test is served anyway. */
const URL = import.meta.url;
const USAGE = '<billing-usage-display></billing-usage-display>';

const { fetch } = globalThis;
const asked: string[] = [];
const page = document.createElement('div');

function open(markup: string): void {
  page.innerHTML = markup;
  document.body.append(page);
  globalThis.fetch = (url, init) => {
    asked.push(url as string);
    return fetch(url, init);
  };
  askAhead();
}

/** As a store of the page's does. */
const fetchOrAhead = (url: string) => (pageFetch() ?? globalThis.fetch)(url);

afterEach(() => {
  globalThis.fetch = fetch;
  Reflect.deleteProperty(globalThis, Symbol.for('billingos:fetch'));
  asked.length = 0;
  page.remove();
});

describe('asking ahead', () => {
  it('asks for the session that the page will need, once', async () => {
    open(`<billing-provider session-token-url="${URL}">${USAGE}</billing-provider>`);
    expect(asked).to.deep.equal([URL]);
    const reply = await fetchOrAhead(URL);
    expect(reply.status).to.equal(200);
    expect(asked).to.deep.equal([URL]);
  });

  it('answers the first who asks, and nobody else', async () => {
    open(`<billing-provider session-token-url="${URL}">${USAGE}</billing-provider>`);
    await Promise.all([fetchOrAhead(URL), fetchOrAhead(URL)]);
    expect(asked).to.deep.equal([URL, URL]);
  });

  it('answers nobody who asks later: a session does not stay as it was', async () => {
    open(`<billing-provider session-token-url="${URL}">${USAGE}</billing-provider>`);
    await new Promise((resolve) => setTimeout(resolve));
    await fetchOrAhead(URL);
    expect(asked).to.deep.equal([URL, URL]);
  });

  it('asks for nothing where another script of the page has', () => {
    open(`<billing-provider session-token-url="${URL}">${USAGE}</billing-provider>`);
    askAhead();
    expect(asked).to.deep.equal([URL]);
  });

  for (const [what, markup] of [
    ['a page without usage', `<billing-provider session-token-url="${URL}"></billing-provider>`],
    ['usage outside of a provider', USAGE],
    [
      'a session token',
      `<billing-provider session-token="x" session-token-url="${URL}">${USAGE}</billing-provider>`,
    ],
    [
      'figures of the page’s own',
      `<billing-provider session-token-url="${URL}"><billing-usage-bar></billing-usage-bar></billing-provider>`,
    ],
  ] as const) {
    it(`asks for nothing for ${what}`, () => {
      open(markup);
      expect(asked).to.deep.equal([]);
    });
  }
});
