import { css } from 'lit';

/*
 * .card          A container has no width of its own, which is what a flex row or a float asks for.
 * .row .sub span Keeps its line where a row has nothing to say there: a skeleton cannot know.
 * .live bdi      Would take a line of its own; the dot stays.
 * .pill .meter   Gives way before the name does.
 * .pill .notch   Too short for a notch to mean anything.
 */
export const styles = css`
  :host {
    display: block;
    min-inline-size: 0;
    max-inline-size: 100%;
  }

  :host([compact]) {
    display: inline-block;
    vertical-align: middle;
  }

  .card {
    container-type: inline-size;
    contain-intrinsic-inline-size: 26em;
    box-sizing: border-box;
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    background: var(--_surface);
    box-shadow: 0 1px 2px oklch(0 0 0 / 0.04);
    overflow: clip;
  }

  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.4em 0.7em;
    padding: 1.2em 1.4em 0.25em;
  }

  .heading {
    min-inline-size: 0;
    font-size: 1.14em;
    font-weight: 600;
    letter-spacing: -0.01em;
    line-height: 1.3;
    overflow-wrap: anywhere;
  }

  .plan {
    padding: 0.05em 0.7em;
    border: 1px solid var(--_line);
    border-radius: 99em;
    color: var(--_soft);
    font-size: 0.875em;
    font-weight: 500;
    overflow-wrap: anywhere;
  }

  .live {
    display: inline-flex;
    align-items: center;
    gap: 0.5em;
    margin-inline-start: auto;
    color: var(--_soft);
    font-size: 0.875em;
  }

  .live::before {
    content: '';
    flex: none;
    inline-size: round(0.5em, 1px);
    block-size: round(0.5em, 1px);
    border-radius: 50%;
    background: var(--_good);
  }

  .live.old::before {
    background: none;
    box-shadow: inset 0 0 0 1.5px var(--_soft);
  }

  .rows {
    margin: 0;
    padding: 0;
    list-style: none;
  }

  .row {
    --_room: 0px;
    display: grid;
    gap: 0.55em;
    padding: calc(1em + var(--_room)) 1.4em calc(1.05em + var(--_room));
  }

  .bare {
    --_room: calc((0.55em + var(--_bar)) / 2);
  }

  .row + .row {
    border-block-start: 1px solid var(--_line);
  }

  .row > .skeleton {
    display: grid;
    gap: 0.55em;
  }

  .sub {
    color: var(--_soft);
    font-size: 0.875em;
  }

  .sub .warning {
    color: var(--_warn-ink);
    font-weight: 500;
  }

  .sub :is(.critical, .exceeded) {
    color: var(--_bad-ink);
    font-weight: 500;
  }

  .sub .bone {
    inline-size: 9em;
  }

  .stale .meter {
    opacity: 0.55;
  }

  .stale :is(.value b, .sub span) {
    color: var(--_soft);
  }

  .message {
    display: grid;
    justify-items: start;
    gap: 0.2em;
    padding: 1em 1.4em 1.3em;
  }

  .message p {
    margin: 0;
  }

  .message .lead {
    font-weight: 500;
  }

  .message .reason {
    color: var(--_soft);
    font-size: 0.875em;
  }

  .message .button {
    margin-block-start: 0.75em;
  }

  @container (inline-size < 19em) {
    .head {
      padding: 1em 1em 0.2em;
    }

    .row {
      padding: calc(0.85em + var(--_room)) 1em calc(0.9em + var(--_room));
    }

    .message {
      padding: 0.85em 1em 1.1em;
    }

    .row .top {
      flex-direction: column;
      align-items: stretch;
    }

    .row .sub span {
      min-block-size: 1lh;
    }

    .live:not(.old) bdi {
      position: absolute;
      clip-path: inset(50%);
    }
  }

  @container (inline-size >= 19em) {
    .row .top:not(.sub) {
      flex-wrap: nowrap;
    }

    .row .value {
      flex: none;
      max-inline-size: 60%;
      text-align: end;
    }
  }

  .line {
    display: inline-flex;
    flex-wrap: wrap;
    gap: 0.5em;
    max-inline-size: 100%;
  }

  .pill {
    box-sizing: border-box;
    display: inline-flex;
    align-items: center;
    gap: 0.7em;
    max-inline-size: 100%;
    padding: 0.35em 0.85em;
    border: 1px solid var(--_line);
    border-radius: 99em;
    background: var(--_surface);
    font-size: 0.875em;
  }

  .pill .name {
    flex: 0 1 auto;
    min-inline-size: 2.5em;
    overflow: hidden;
    font-weight: 400;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .pill .meter {
    --_bar: max(5px, round(0.35em, 1px));
    flex-shrink: 9999;
    inline-size: 5em;
    min-inline-size: 0;
  }

  .pill .notch {
    display: none;
  }

  .pill .value {
    white-space: nowrap;
  }

  @media print {
    .card {
      box-shadow: none;
      break-inside: avoid;
    }

    .live:not(.old),
    .message .button {
      display: none;
    }
  }

  @media (forced-colors: active) {
    .live::before {
      forced-color-adjust: none;
      background: CanvasText;
    }
  }
`;
