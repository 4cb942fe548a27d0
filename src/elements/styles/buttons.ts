import { css } from 'lit';

/** Buttons, and links that are one. */
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
    font-size: 0.93em;
    font-weight: 600;
    line-height: 1.25;
    text-align: center;
    text-decoration: none;
    cursor: pointer;
    transition: background-color 120ms;
  }

  /* Centred by what one sees, where the browser can: by capitals, not by the font's line. */
  .button > span {
    text-box: trim-both cap alphabetic;
  }

  .button:focus-visible,
  .close:focus-visible {
    outline: 2px solid var(--_primary);
    outline-offset: 2px;
  }

  .primary {
    background: var(--_primary);
    color: var(--_on-primary);
  }

  .primary:hover {
    background: color-mix(in oklab, var(--_primary) 88%, var(--_deep));
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

  .close {
    flex: none;
    display: inline-grid;
    place-items: center;
    inline-size: 2.2em;
    block-size: 2.2em;
    padding: 0;
    border: 0;
    border-radius: calc(var(--_radius) * 0.65);
    background: transparent;
    color: var(--_soft);
    font: inherit;
    cursor: pointer;
    transition: background-color 120ms;
  }

  .close:hover {
    background: color-mix(in oklab, var(--_ink) 7%, transparent);
    color: var(--_ink);
  }

  .close svg {
    inline-size: 0.75em;
    block-size: 0.75em;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.6;
    stroke-linecap: round;
  }

  @media (prefers-reduced-motion: reduce) {
    .button,
    .close {
      transition: none;
    }
  }

  @media (forced-colors: active) {
    .button,
    .close {
      border: 1px solid ButtonText;
    }
  }
`;
