import { afterAll, beforeAll, expect, test } from 'vitest';
import { SESSION_PATH, Site } from './support/site.ts';

/** A page whose usage could not be loaded, and the person who tries again. */

const METRICS_PATH = '/v1/features/usage-metrics';

let site: Site;
beforeAll(async () => {
  site = await Site.start();
  await site.track('api_calls', 85);
});
afterAll(() => site.stop());

test('trying again shows the numbers once the API answers, and the focus stays in the card', async () => {
  // No failure that the client would try again by itself.
  site.host.hostRoutes.set(METRICS_PATH, () => ({ status: 404, type: 'application/json', body: '{}' }));
  const { page } = await site.open(
    `<script src="/billingos.iife.js"></script>
    <billing-provider session-token-url="${SESSION_PATH}" api-url="${site.host.url}" live="off">
      <billing-usage-display></billing-usage-display>
    </billing-provider>`,
  );
  const display = page.locator('billing-usage-display');
  await display.getByRole('button', { name: 'Try again' }).focus();
  expect(await display.evaluate((element) => element.matches(':state(error)'))).toBe(true);

  site.host.hostRoutes.delete(METRICS_PATH);
  await page.keyboard.press('Enter');
  await display.getByText('85 of 100').waitFor();
  expect(await display.evaluate((element) => element.matches(':state(error)'))).toBe(false);
  expect(await display.evaluate(({ shadowRoot }) => shadowRoot?.activeElement?.part.value)).toBe('base');
  await page.context().close();
});
