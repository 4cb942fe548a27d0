import { css } from 'lit';

export const styles = css`
  :host {
    display: block;
  }

  .bar {
    display: grid;
    gap: 0.5em;
  }

  .bar.stale .meter {
    opacity: 0.55;
  }

  .bar.stale .value b {
    color: var(--_soft);
  }

  .skeleton {
    display: grid;
    gap: 0.5em;
  }
`;
