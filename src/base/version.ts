// The version of this package.
import { readFileSync } from 'node:fs';

/** As package.json says, which is one folder up from src/ and from dist/. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
