import type { NextConfig } from 'next';

export default {
  // Next would take the repository around this folder for the application.
  turbopack: { root: import.meta.dirname },
} satisfies NextConfig;
