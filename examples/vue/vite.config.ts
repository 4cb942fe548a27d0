import { createSessionHandler } from '@billingos/node';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

/** Stands in for your own server, which knows who is logged in. */
const sessionRoute: Plugin = {
  name: 'session-route',
  configureServer({ middlewares }) {
    middlewares.use(
      '/api/billingos-session',
      createSessionHandler({}, () => ({ userId: 'user_123' })),
    );
  },
};

export default defineConfig({ plugins: [vue(), sessionRoute] });
