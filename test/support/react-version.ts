import { installed } from './packed.ts';

/** The React that tests use: this repository's, or the one that BILLINGOS_TEST_REACT names, such as `18.3`. */
export function reactModules(): { path: string | undefined; remove: () => void } {
  const version = process.env['BILLINGOS_TEST_REACT'];
  if (version === undefined) return { path: undefined, remove: () => undefined };
  const major = version.split('.')[0] ?? '';
  const packages = [`react@${version}`, `react-dom@${version}`];
  return installed([...packages, `@types/react@${major}`, `@types/react-dom@${major}`]);
}
