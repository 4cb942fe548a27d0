import { css } from 'lit';

/**
 * The one button in the brand colour. Its text is white below luminance 0.179 and black above: there both have a
 * contrast of 4.58:1, the lowest either can have, so any brand colour stays readable. `--_deep` moves the other way,
 * for hover. Firefox before 128 has no relative colours: right for the default brand colour, a guess for others.
 */
export const primaryButton = css`
  :host {
    --_on-primary: color(
      from var(--_primary) xyz-d65 calc(clamp(0, (0.179 - y) * 1e12, 1) * 0.9505)
        clamp(0, (0.179 - y) * 1e12, 1) calc(clamp(0, (0.179 - y) * 1e12, 1) * 1.089)
    );
    --_deep: color(
      from var(--_primary) xyz-d65 calc(clamp(0, (y - 0.179) * 1e12, 1) * 0.9505)
        clamp(0, (y - 0.179) * 1e12, 1) calc(clamp(0, (y - 0.179) * 1e12, 1) * 1.089)
    );
  }

  @supports not (color: color(from white xyz-d65 x y z)) {
    :host {
      --_on-primary: light-dark(#fff, #000);
      --_deep: light-dark(#000, #fff);
    }
  }

  .primary {
    background: var(--_primary);
    color: var(--_on-primary);
  }

  .primary:hover {
    background: color-mix(in oklab, var(--_primary) 88%, var(--_deep));
  }

  @media (forced-colors: active) {
    .primary,
    .primary:hover {
      forced-color-adjust: none;
      border-color: Highlight;
      background: Highlight;
      color: HighlightText;
    }
  }
`;
