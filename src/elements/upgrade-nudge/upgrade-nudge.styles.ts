import { css } from 'lit';

/*
 * :host, .root     Nothing of it takes part in the page's layout, not even as a gap in a grid, but what is inline and
 *                  open.
 * .strip           Without room for all in one line the way out stays in the corner, and the action goes below the
 *                  words.
 * .modal .button   Side by side, the upgrade takes the room there is; one under the other, it comes first.
 */

export const styles = css`
  :host,
  .root {
    display: contents;
  }

  :host([variant='inline'][open]) {
    display: block;
  }

  .surface {
    --_icon: var(--_warn-ink);
    --_icon-ground: color-mix(in oklab, var(--_warn) 20%, var(--_surface));
    box-sizing: border-box;
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    background: var(--_surface);
    color: var(--_ink);
    overflow-wrap: anywhere;
    animation: enter 280ms cubic-bezier(0.2, 0.8, 0.2, 1);
  }

  .surface:is(.critical, .exceeded) {
    --_icon: var(--_bad-ink);
    --_icon-ground: color-mix(in oklab, var(--_bad) 16%, var(--_surface));
  }

  @keyframes enter {
    from {
      opacity: 0;
      translate: 0 var(--_from, 0.6em);
    }
  }

  p,
  h2 {
    margin: 0;
  }

  .title {
    font-weight: 600;
  }

  .body {
    color: var(--_soft);
    font-size: 0.875em;
    text-wrap: balance;
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

  .strip {
    container-type: inline-size;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.6em 0.9em;
    padding: 0.75em 0.75em 0.75em 1.1em;
  }

  .strip .title {
    font-weight: 500;
  }

  .strip .words {
    flex: 1 1 8em;
    min-inline-size: 0;
  }

  .strip .actions {
    margin-inline-start: auto;
  }

  @container (inline-size < 34em) {
    .strip .words {
      flex-basis: calc(100% - 6em);
    }

    .strip .actions {
      display: contents;
    }

    .strip .close {
      align-self: flex-start;
      margin: -0.25em 0;
    }

    .strip .button {
      order: 1;
      margin-inline-start: 2.55em;
    }

    .strip .icon {
      align-self: flex-start;
    }
  }

  .icon {
    box-sizing: border-box;
    flex: none;
    display: grid;
    place-items: center;
    inline-size: round(1.5em, 1px);
    block-size: round(1.5em, 1px);
    border-radius: 50%;
    background: var(--_icon-ground);
    color: var(--_icon);
    font-size: 0.875em;
    font-weight: 700;
    line-height: 1;
  }

  .actions {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: flex-end;
    gap: 0.4em;
  }

  [popover] {
    position: fixed;
    max-block-size: calc(100dvb - 1.5em);
    overflow: auto;
    box-shadow:
      0 0.1em 0.3em oklch(0 0 0 / 0.06),
      0 1em 2.5em -1em oklch(0 0 0 / 0.28);
  }

  .banner {
    --_from: -0.8em;
    inset: max(0.75em, env(safe-area-inset-top)) 0 auto;
    inline-size: min(46em, 100vi - 1.5em);
    margin: 0 auto;
  }

  .toast {
    inset-block: auto max(1.25em, env(safe-area-inset-bottom));
    inset-inline: auto 1.25em;
    inline-size: min(23em, 100vi - 2.5em);
    margin: 0;
    padding: 1.1em;
    gap: 0.8em;
  }

  .toast:popover-open {
    display: grid;
  }

  .toast-head {
    display: flex;
    align-items: flex-start;
    justify-content: space-between;
    gap: 1em;
  }

  .toast .close {
    margin: -0.4em;
  }

  .banner:not(:popover-open) {
    display: none;
  }

  .modal {
    inline-size: min(29em, 100vi - 2em);
    max-inline-size: none;
    max-block-size: calc(100dvb - 2em);
    padding: 1.6em;
    box-shadow: 0 1.7em 4.5em -1.4em oklch(0 0 0 / 0.45);
  }

  .modal[open] {
    display: grid;
    gap: 1.2em;
  }

  .modal::backdrop {
    background: oklch(0.15 0.01 270 / 0.45);
    animation: fade 200ms;
  }

  @keyframes fade {
    from {
      opacity: 0;
    }
  }

  .modal .title {
    font-size: 1.3125em;
    font-weight: 650;
    letter-spacing: -0.015em;
    line-height: 1.25;
    text-wrap: balance;
  }

  .modal .title:focus {
    outline: none;
  }

  .modal .body {
    margin-block-start: 0.35em;
  }

  .modal .actions {
    flex-wrap: wrap-reverse;
    gap: 0.6em;
  }

  .modal .button {
    flex: 1 1 auto;
  }

  .modal .primary {
    flex-grow: 999;
  }

  .plan {
    display: grid;
    gap: 0.7em;
    padding: 1em 1.15em;
    border: 1px solid var(--_line);
    border-radius: calc(var(--_radius) * 0.86);
  }

  .plan-head {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    justify-content: space-between;
    column-gap: 1em;
  }

  .plan-name {
    font-weight: 600;
  }

  .price {
    color: var(--_soft);
    font-size: 0.875em;
  }

  .price b {
    color: var(--_ink);
    font-size: 1.5em;
    font-weight: 650;
    letter-spacing: -0.02em;
  }

  .limits {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto auto auto;
    gap: 0.4em 0.85em;
    margin: 0;
    padding: 0;
    list-style: none;
    font-size: 0.875em;
  }

  .limits li {
    position: relative;
    display: grid;
    grid-column: 1 / -1;
    grid-template-columns: subgrid;
    align-items: baseline;
  }

  .limits .from {
    color: var(--_soft);
  }

  .limits b {
    font-weight: 600;
  }

  .arrow {
    inline-size: 0.9em;
    block-size: 0.65em;
    fill: none;
    stroke: var(--_soft);
    stroke-width: 1.4;
    stroke-linecap: round;
    stroke-linejoin: round;
  }

  .arrow:dir(rtl) {
    transform: scaleX(-1);
  }

  @media (prefers-reduced-motion: reduce) {
    .surface,
    .modal::backdrop {
      animation: none;
    }

    .close {
      transition: none;
    }
  }

  @media print {
    .surface {
      display: none !important;
    }
  }

  @media (forced-colors: active) {
    .close {
      border: 1px solid ButtonText;
    }

    .icon {
      border: 1px solid CanvasText;
    }

    .arrow {
      stroke: CanvasText;
    }
  }
`;
