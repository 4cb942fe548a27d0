/** What the drop-in loads once the first numbers show, as one file. */

export * from './client/background.ts';
export * from './store/background.ts';
