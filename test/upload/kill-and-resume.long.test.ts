// Kills uploads at random moments and runs the same command again, until the upload is complete.
import { describeKilledUploads } from '../support/upload-kills.ts';

for (const seed of [1, 2]) describeKilledUploads({ seed, leases: 'with' });
