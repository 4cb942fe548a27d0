'use client';

import type { ReactNode } from 'react';
import { UsageBar } from './generated/usage-bar.ts';

export interface UpgradePromptProps {
  /** The feature that is missing or used up. */
  feature: string;
  title?: ReactNode;
  description?: ReactNode;
  isQuotaExceeded?: boolean | undefined;
  usage?: number | undefined;
  limit?: number | undefined;
  /** Without it there is no button. */
  onUpgradeClick?: (() => void) | undefined;
}

/**
 * Says in place of a feature that a higher plan has it. Plain markup, in the page's own looks and, where the texts are
 * given, in its language.
 */
export function UpgradePrompt(props: UpgradePromptProps): ReactNode {
  const { feature, isQuotaExceeded = false, usage, limit, onUpgradeClick } = props;
  const { title = isQuotaExceeded ? 'Limit reached' : 'Not part of your plan' } = props;
  const { description = isQuotaExceeded ? 'Upgrade to go on.' : 'Upgrade to use it.' } = props;
  const hasMeter = isQuotaExceeded && usage !== undefined && limit !== undefined;
  return (
    <section className="billing-upgrade-prompt" data-feature={feature}>
      <p>
        <strong>{title}</strong>
      </p>
      {hasMeter ? <UsageBar consumed={usage} limit={limit} label={feature} hideLabel /> : null}
      <p>{description}</p>
      {onUpgradeClick === undefined ? null : (
        <button type="button" onClick={() => onUpgradeClick()}>
          Upgrade
        </button>
      )}
    </section>
  );
}
