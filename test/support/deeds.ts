declare global {
  interface Window {
    /** What was asked for and defined, in order. */
    deeds: string[];
  }
}

/** In the page, before any script of its own: keeps what they ask for and define. */
export function recordDeeds(): void {
  window.deeds = [];
  const fetch = window.fetch.bind(window);
  const define = customElements.define.bind(customElements);
  window.fetch = (url, init) => {
    window.deeds.push(url as string);
    return fetch(url, init);
  };
  customElements.define = (name, ...rest) => {
    window.deeds.push(name);
    define(name, ...rest);
  };
}
