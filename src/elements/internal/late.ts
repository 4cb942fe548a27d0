import type { Connection } from './connection.ts';
import type { loadLanguage } from './languages.ts';
import type { renderMetric } from './metric-meter.ts';
import type { formatSize } from './sizes.ts';

/** What comes late. */
interface Late {
  Connection: typeof Connection;
  formatSize: typeof formatSize;
  loadLanguage: typeof loadLanguage;
  renderMetric: typeof renderMetric;
}

/**
 * What a bar does without that has figures of its own, no size for its unit, and English around it. It comes with
 * the display and the nudge, or is loaded by the first bar that needs any of it.
 */
export const late: Partial<Late> = {};
