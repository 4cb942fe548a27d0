import { css } from 'lit';

/** The tokens of what is more than a bar: of a surface with an outline, and of words in a status's colour. */
export const cardTokens = css`
  :host {
    --_radius: var(--billing-radius, 0.875em);
    --_line: color-mix(in oklab, var(--_ink) 11%, var(--_surface));
    --_warn-ink: light-dark(oklch(0.47 0.11 60), oklch(0.85 0.11 80));
    --_bad-ink: light-dark(oklch(0.5 0.19 27), oklch(0.78 0.13 25));
    --_good: light-dark(oklch(0.56 0.13 155), oklch(0.76 0.14 155));
  }
`;
