import { createApp } from 'vue';
import { BillingOS } from '@billingos/sdk/vue';
import App from './App.vue';
import './style.css';

createApp(App).use(BillingOS, { sessionTokenUrl: '/api/billingos-session' }).mount('#root');
