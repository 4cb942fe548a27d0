import { css } from 'lit';

export const styles = css`
  :host {
    display: contents;
  }

  :host([hidden]) {
    display: none !important;
  }

  slot[data-theme='light'] {
    color-scheme: light;
  }

  slot[data-theme='dark'] {
    color-scheme: dark;
  }
`;
