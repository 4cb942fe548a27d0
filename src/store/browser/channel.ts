import type { Channel } from '../browser-parts.ts';

/** A channel between the tabs of one origin and profile. */
export function openBroadcastChannel(name: string): Channel {
  const channel = new BroadcastChannel(name);
  let isOpen = true;
  return {
    post(message) {
      if (isOpen) channel.postMessage(message);
    },
    listen(listener) {
      channel.addEventListener('message', (event: MessageEvent<unknown>) => listener(event.data));
    },
    close() {
      isOpen = false;
      channel.close();
    },
  };
}
