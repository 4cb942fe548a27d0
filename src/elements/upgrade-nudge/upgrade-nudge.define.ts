import { define } from '../internal/define.ts';
import { BillingUpgradeNudge } from './upgrade-nudge.ts';

define('billing-upgrade-nudge', BillingUpgradeNudge);
