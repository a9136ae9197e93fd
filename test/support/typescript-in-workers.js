// Lets worker threads of the tests import TypeScript: `--import tsx` does so for the main thread only.
import { register } from 'tsx/esm/api';

register();
