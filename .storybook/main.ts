import type { StorybookConfig } from '@storybook/web-components-vite';

const config: StorybookConfig = {
  framework: '@storybook/web-components-vite',
  stories: ['../stories/*.stories.ts', '../src/elements/*/*.stories.ts'],
  addons: ['@storybook/addon-docs', '@storybook/addon-a11y'],
  // Nothing leaves this machine, which may be offline.
  core: { disableTelemetry: true, enableCrashReports: false, disableWhatsNewNotifications: true },
};

export default config;
