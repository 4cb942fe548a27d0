import type { StorybookConfig } from '@storybook/web-components-vite';
import { mergeConfig } from 'vite';

const config: StorybookConfig = {
  framework: '@storybook/web-components-vite',
  stories: ['../stories/*.stories.ts', '../src/elements/*/*.stories.ts'],
  addons: ['@storybook/addon-docs', '@storybook/addon-a11y'],
  // Nothing leaves this machine, which may be offline.
  core: { disableTelemetry: true, enableCrashReports: false, disableWhatsNewNotifications: true },
  features: { sidebarOnboardingChecklist: false },
  viteFinal: (config) =>
    mergeConfig(config, {
      // Found too late by Vite's own search: Storybook's renderer would get a second Lit.
      optimizeDeps: { include: ['lit', 'lit/directive.js', 'lit/directive-helpers.js'] },
    }),
};

export default config;
