import { chromium, type Browser } from 'playwright-core';
import { findChromium } from '../../scripts/setup.js';

/** The system's Chromium, headless, without its own network chatter. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('No Chromium found; `npm test` installs one.');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
}
