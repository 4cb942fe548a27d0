'use client';

import {
  type CSSProperties,
  forwardRef,
  type ForwardRefExoticComponent,
  type PropsWithoutRef,
  type RefAttributes,
} from 'react';
import type { BillingUpgradeNudge, NudgeVariant } from '../elements/upgrade-nudge/upgrade-nudge.ts';
import {
  UpgradeNudge as Generated,
  type UpgradeNudgeProps as GeneratedProps,
} from './generated/upgrade-nudge.ts';

export interface UpgradeNudgeProps extends Omit<GeneratedProps, 'style'> {
  /** CSS for the element, or the older way to name a variant. */
  style?: CSSProperties | NudgeVariant | undefined;
}

/**
 * Tells the customer that something runs out, what the next plan gives and what it costs. Opens by itself when the
 * server has a nudge; with `trigger` it shows that one.
 */
export const UpgradeNudge: ForwardRefExoticComponent<
  PropsWithoutRef<UpgradeNudgeProps> & RefAttributes<BillingUpgradeNudge>
> = forwardRef(({ style, ...props }, ref) => (
  <Generated
    {...props}
    ref={ref}
    variant={props.variant ?? (typeof style === 'string' ? style : undefined)}
    style={typeof style === 'string' ? undefined : style}
  />
));
UpgradeNudge.displayName = 'UpgradeNudge';
