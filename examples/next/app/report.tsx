'use client';

import { useActionState } from 'react';
import { createReport } from './actions';

export function Report() {
  const [status, action, isPending] = useActionState(createReport, 'Each report takes one API call.');

  return (
    <form className="action" action={action}>
      <div>
        <h2>Sales report</h2>
        <p role="status">{status}</p>
      </div>
      <button disabled={isPending}>Create report</button>
    </form>
  );
}
