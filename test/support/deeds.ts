declare global {
  interface Window {
    /** What was asked for and defined, and `a number` where one was written, in order. */
    deeds: string[];
  }
}

/** In the page, before any script of its own: keeps what they ask for, define and write. */
export function recordDeeds(): void {
  window.deeds = [];
  const fetch = window.fetch.bind(window);
  const define = customElements.define.bind(customElements);
  window.fetch = (url, init) => {
    window.deeds.push(url as string);
    return fetch(url, init);
  };
  const write = Object.getOwnPropertyDescriptor(Number.prototype, 'toLocaleString')?.value as () => string;
  Number.prototype.toLocaleString = function () {
    window.deeds.push('a number');
    return write.call(this);
  };
  customElements.define = (name, ...rest) => {
    window.deeds.push(name);
    define(name, ...rest);
  };
}
