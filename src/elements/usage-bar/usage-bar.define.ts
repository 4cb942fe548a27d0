import { define } from '../internal/define.ts';
import { BillingUsageBar } from './usage-bar.ts';

define('billing-usage-bar', BillingUsageBar);
