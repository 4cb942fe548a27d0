import { css } from 'lit';

export const styles = css`
  :host {
    display: block;
  }

  .bar,
  .skeleton {
    display: grid;
    gap: 0.5em;
  }

  .roomy {
    padding-block: calc(0.25em + var(--_bar) / 2);
  }

  .bar.stale .meter {
    opacity: 0.55;
  }

  .bar.stale .value b {
    color: var(--_soft);
  }
`;
