import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BillingOSProvider } from '@billingos/sdk';
import { App } from './app';
import './style.css';

createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <BillingOSProvider sessionTokenUrl="/api/billingos-session">
      <App />
    </BillingOSProvider>
  </StrictMode>,
);
