// The version of this package: a constant, so that it survives every bundler.

/** That of package.json; a test compares the two. */
export const VERSION = '0.1.0';
