import { css } from 'lit';

/** Buttons, and links that are one; centred by what one sees, where the browser can: by capitals, not by the line. */
export const buttons = css`
  .button {
    box-sizing: border-box;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    min-block-size: 2.4em;
    padding: 0.45em 1.05em;
    border: 1px solid transparent;
    border-radius: calc(var(--_radius) * 0.65);
    font: inherit;
    font-size: 0.875em;
    font-weight: 600;
    line-height: 1.25;
    text-align: center;
    text-decoration: none;
    cursor: pointer;
    transition: background-color 120ms;
  }

  .button > span {
    text-box: trim-both cap alphabetic;
  }

  .ghost {
    background: transparent;
    border-color: color-mix(in oklab, var(--_ink) 18%, var(--_surface));
    color: var(--_ink);
    font-weight: 500;
  }

  .ghost:hover {
    background: color-mix(in oklab, var(--_ink) 6%, transparent);
  }

  :focus-visible {
    outline: 2px solid var(--_primary);
    outline-offset: 2px;
  }

  @media (prefers-reduced-motion: reduce) {
    .button {
      transition: none;
    }
  }

  @media (forced-colors: active) {
    .button {
      border: 1px solid ButtonText;
    }
  }
`;
