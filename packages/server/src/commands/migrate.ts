import { storeSettings } from '../settings.ts';
import { describeStore, migrateStore } from '../store.ts';
import { DATA_OPTION, JSON_OPTION, type Command } from './command.ts';

export const migrate: Command = {
  name: 'migrate',
  summary: 'make the store, or bring its schema up to date',
  details: 'Safe beside a running server, and several times at once. "billingos serve" does it by itself.',
  options: { ...DATA_OPTION, ...JSON_OPTION },
  async run({ options, env }) {
    const settings = storeSettings(options, env);
    const { from, to } = await migrateStore(settings);
    const store = describeStore(settings);
    const text = from === to ? `Schema ${to} is current in ${store}` : `Schema ${from} → ${to} in ${store}`;
    return { text: `${text}\n`, facts: { store, from, to } };
  },
};
