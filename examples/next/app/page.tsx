import { connection } from 'next/server';
import { BillingOSProvider, UpgradeNudge, UsageDisplay } from '@billingos/sdk';
import { billing, currentUserId } from './billing';
import { Report } from './report';

export default async function Page() {
  await connection(); // rendered for each visitor, never at build time
  const metrics = await billing.getUsageMetrics(await currentUserId());

  return (
    <>
      <nav>
        <b>Acme Reports</b> Settings
      </nav>
      <h1>Plan and usage</h1>
      <p>What you have used so far, and what is left.</p>

      <Report />
      <BillingOSProvider sessionTokenUrl="/api/billingos-session" initialMetrics={metrics}>
        <UsageDisplay title="Usage" headingLevel={2} rows={metrics.metrics.length} />
        <UpgradeNudge variant="inline" upgradeUrl="/checkout?price={priceId}" />
      </BillingOSProvider>
    </>
  );
}
