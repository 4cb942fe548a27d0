/** The version of this package, carried by every element class. */
export const VERSION = '0.1.0';
