import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POLL, SESSION_PATH, Site, type OpenPage } from './support/site.ts';

/** A page under the strictest policy that the elements can live with. Nothing of theirs is inline, ever. */

const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `connect-src 'self'`,
  `require-trusted-types-for 'script'`,
  // The one policy that Lit makes its templates with.
  `trusted-types lit-html`,
].join('; ');
const HEADERS = { 'Content-Security-Policy': POLICY };
const DROP_INS = {
  'the module': '<script type="module" src="/billingos.js"></script>',
  'the module, asked for ahead':
    '<script type="module" src="/billingos-ahead.js"></script><script type="module" src="/billingos.js"></script>',
  'the one-file script': '<script src="/billingos.iife.js" defer></script>',
};
const VARIANTS = ['banner', 'toast', 'modal', 'inline'] as const;

let site: Site;
beforeAll(async () => {
  site = await Site.start();
});
afterAll(() => site.stop());

/** A page of somebody who has used 85 of 100 API calls, so there is a nudge. */
async function openPage(user: string, scriptTag: string, variant: string): Promise<OpenPage> {
  site.user = user;
  await site.track('api_calls', 85);
  return site.open(
    `${scriptTag}
    <billing-provider session-token-url="${SESSION_PATH}" api-url="${site.host.url}">
      <billing-usage-display></billing-usage-display>
      <billing-usage-display compact></billing-usage-display>
      <billing-usage-bar feature-key="api_calls"></billing-usage-bar>
      <billing-upgrade-nudge variant="${variant}" upgrade-url="/pricing?plan={priceId}"></billing-upgrade-nudge>
    </billing-provider>`,
    { headers: HEADERS },
  );
}

describe.each(Object.entries(DROP_INS))('under a strict policy, %s', (name, scriptTag) => {
  test.each(VARIANTS)('shows, updates, changes its language and is put away, as a %s', async (variant) => {
    const { page, complaints, violations } = await openPage(`${name}-${variant}`, scriptTag, variant);
    const bar = page.locator('billing-usage-bar');
    const surface = page.locator('billing-upgrade-nudge .surface');
    await surface.waitFor();
    await bar.getByText('85 of 100').waitFor();
    await page.locator('.live').waitFor();

    await site.track('api_calls', 11);
    await bar.getByText('96 of 100').waitFor();
    await page.evaluate(() => (document.documentElement.lang = 'de'));
    await bar.getByText('96 von 100').waitFor();

    await surface.locator('[part="dismiss"]').click();
    await surface.waitFor({ state: 'detached' });
    expect([await violations(), complaints]).toEqual([[], []]);
    await page.context().close();
  });
});

test('a style or a script in the page would be seen here', async () => {
  const { page, complaints, violations } = await site.open('<p>Host</p>', { headers: HEADERS });
  await page.evaluate(() => {
    const style = document.createElement('style');
    style.textContent = 'p { color: red }';
    document.head.append(style);
    try {
      document.body.innerHTML = '<b>markup</b>';
    } catch {
      // That it was refused is reported like the rest.
    }
  });
  await expect.poll(violations, POLL).toHaveLength(2);
  expect(complaints.length).toBeGreaterThan(0);
  await page.context().close();
});
