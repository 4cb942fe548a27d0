import { css } from 'lit';

/**
 * The design tokens of a meter: public ones, and what is derived from them. Each has a fallback, so that an element
 * is whole without any stylesheet of the page's. `light-dark()` follows the inherited `color-scheme`.
 */
export const tokens = css`
  :host {
    --_ink: var(--billing-color-text, light-dark(oklch(0.21 0.01 270), oklch(0.96 0.005 270)));
    --_surface: var(--billing-color-background, light-dark(#fff, oklch(0.205 0.008 270)));
    --_primary: var(--billing-color-primary, light-dark(oklch(0.5 0.19 274), oklch(0.72 0.14 274)));
    --_soft: color-mix(in oklab, var(--_ink) 63%, var(--_surface));
    --_track: color-mix(in oklab, var(--_ink) 8%, var(--_surface));
    --_warn: light-dark(oklch(0.625 0.15 62), oklch(0.8 0.14 78));
    --_bad: light-dark(oklch(0.57 0.2 27), oklch(0.7 0.17 25));
  }

  :host([hidden]) {
    display: none !important;
  }

  .root {
    color: var(--_ink);
    font-family: var(--billing-font, inherit);
    line-height: 1.45;
    text-align: start;
    text-indent: 0;
    text-transform: none;
    text-wrap: pretty;
    white-space: normal;
  }

  .root[data-theme='light'] {
    color-scheme: light;
  }

  .root[data-theme='dark'] {
    color-scheme: dark;
  }

  .unseen {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;
