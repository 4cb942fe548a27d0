import { css } from 'lit';

/*
 * Comments stand above a sheet, not in it: a template's text is shipped as it is.
 *
 * .bone::before   A line of text is as high as its line box; the bone within it only as high as its letters.
 */

/** One meter and the lines of text around it, for the bar, the display and the nudge. */
export const meterStyles = css`
  .root {
    --_bar: max(6px, round(0.4em, 1px));
    font-variant-numeric: tabular-nums;
  }

  .top {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    justify-content: space-between;
    column-gap: 1em;
  }

  .name {
    min-inline-size: 0;
    font-weight: 500;
    hyphens: auto;
    overflow-wrap: anywhere;
  }

  .value {
    color: var(--_soft);
  }

  .value b {
    color: var(--_ink);
    font-weight: 600;
    white-space: nowrap;
  }

  .meter {
    --_fill: var(--_primary);
    position: relative;
    block-size: var(--_bar);
    print-color-adjust: exact;
  }

  .meter.warning {
    --_fill: var(--_warn);
  }

  .meter:is(.critical, .exceeded) {
    --_fill: var(--_bad);
  }

  .track {
    position: relative;
    block-size: 100%;
    border-radius: var(--_bar);
    background: var(--_track);
    overflow: hidden;
  }

  .lines {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
  }

  .meter:dir(rtl) .lines {
    scale: -1 1;
  }

  .fill,
  .sliver {
    fill: var(--_fill);
    height: 100%;
    rx: calc(var(--_bar) / 2);
  }

  .sliver {
    width: var(--_bar);
  }

  .over {
    --_ground: color-mix(in oklab, var(--_fill) 40%, var(--_surface));
    background: repeating-linear-gradient(135deg, var(--_fill) 0 3px, var(--_ground) 0 6px);
  }

  .over :is(.fill, .sliver) {
    rx: 0;
  }

  .notch {
    width: 2px;
    height: 100%;
    fill: var(--_surface);
    translate: -1px;
  }

  .marks {
    overflow: visible;
  }

  .cap {
    width: 2px;
    height: calc(100% + 6px);
    rx: 1px;
    fill: var(--_ink);
    translate: -1px -3px;
  }

  .segments {
    display: flex;
    gap: 3px;
    block-size: 100%;
  }

  .segment {
    flex: 1;
  }

  .segment.on {
    background: var(--_fill);
  }

  @media (prefers-reduced-motion: no-preference) {
    .fill,
    .cap,
    .segment {
      transition: 500ms cubic-bezier(0.2, 0.8, 0.2, 1);
      transition-property: width, x, fill, background-color;
    }

    .bone {
      animation: breathe 1.6s ease-in-out infinite alternate;
    }
  }

  .bone {
    inline-size: 6em;
    background: var(--_track);
    clip-path: inset(0.14em 0 round 0.35em);
    color: transparent;
  }

  .bone::before {
    content: '\\200b';
  }

  .bone.value {
    inline-size: 7em;
  }

  @keyframes breathe {
    to {
      opacity: 0.55;
    }
  }

  @media (forced-colors: active) {
    .root {
      --_ink: CanvasText;
      --_surface: Canvas;
      --_track: Canvas;
    }

    .meter {
      --_fill: CanvasText !important;
    }

    .track {
      forced-color-adjust: none;
      box-shadow: inset 0 0 0 1px CanvasText;
    }

    .over {
      --_ground: Canvas;
    }

    .bone {
      outline: 1px solid GrayText;
      outline-offset: -0.15em;
      clip-path: none;
    }
  }
`;
