'use client';

import { type ReactNode, useRef } from 'react';
import { type Localizer, text } from '../elements/internal/localizer.ts';
import type { MessageKey } from '../elements/locales/en.ts';
import { UsageBar } from './generated/usage-bar.ts';
import { useLocalizer } from './use-localizer.ts';

export interface UpgradePromptProps {
  /** The feature that is missing or used up. */
  feature: string;
  /** By default that the limit is reached, or that the plan does not have it. */
  title?: ReactNode;
  description?: ReactNode;
  isQuotaExceeded?: boolean | undefined;
  usage?: number | undefined;
  limit?: number | undefined;
  /** Without it there is no button. */
  onUpgradeClick?: (() => void) | undefined;
}

/**
 * Says in place of a feature that it is used up or that a higher plan has it, in the language around it. Plain markup
 * in the page's own looks.
 */
export function UpgradePrompt(props: UpgradePromptProps): ReactNode {
  const { feature, title, description, isQuotaExceeded = false, usage, limit, onUpgradeClick } = props;
  const host = useRef<HTMLElement>(null);
  const l = useLocalizer(host);
  const hasMeter = isQuotaExceeded && usage !== undefined && limit !== undefined;
  return (
    <section ref={host} className="billing-upgrade-prompt" data-feature={feature}>
      <p>
        <strong>{title ?? <OwnText l={l} name={isQuotaExceeded ? 'limitReached' : 'notInPlan'} />}</strong>
      </p>
      {hasMeter ? <UsageBar consumed={usage} limit={limit} label={feature} hideLabel /> : null}
      {description === undefined ? null : <p>{description}</p>}
      {onUpgradeClick === undefined ? null : (
        <button type="button" onClick={() => onUpgradeClick()}>
          <OwnText l={l} name="upgrade" />
        </button>
      )}
    </section>
  );
}

/** Says of what language it is: English stands in where the page's is not known. */
function OwnText({ l, name }: { l: Localizer; name: MessageKey }): ReactNode {
  return <span lang={l.locale}>{text(l, name)}</span>;
}
