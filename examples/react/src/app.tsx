import { useState } from 'react';
import { UpgradeNudge, UsageDisplay, useTrackUsage } from '@billingos/sdk';

export function App() {
  const [status, setStatus] = useState('Each report takes one API call.');
  const { mutate, isPending } = useTrackUsage({
    onSuccess: () => setStatus('Your report is ready.'),
    onError: (error) => setStatus(error.message),
  });

  return (
    <>
      <nav>
        <b>Acme Reports</b> Settings
      </nav>
      <h1>Plan and usage</h1>
      <p>What you have used so far, and what is left.</p>

      <section className="action">
        <div>
          <h2>Sales report</h2>
          <p role="status">{status}</p>
        </div>
        <button disabled={isPending} onClick={() => mutate({ featureKey: 'api_calls', quantity: 1 })}>
          Create report
        </button>
      </section>

      <UsageDisplay title="Usage" headingLevel={2} rows={5} />
      <UpgradeNudge
        variant="inline"
        onUpgrade={(priceId) => setStatus(`This is where your checkout sells ${priceId}.`)}
      />
    </>
  );
}
