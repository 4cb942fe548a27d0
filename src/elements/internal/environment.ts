/** Whether this runs where there is no page. */
export const onServer = typeof document === 'undefined';
