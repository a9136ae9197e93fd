// The same as `kill-and-resume`, with other seeds.
import { describeKilledUploads } from '../support/upload-kills.ts';

for (const seed of [3, 4]) describeKilledUploads({ seed, leases: 'with' });
