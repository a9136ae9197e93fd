// The same as `kill-and-resume`, without leases. Each kill may leave everything unverified, and some kills hit the run that reads it back.
import { describeKilledUploads } from '../support/upload-kills.ts';

describeKilledUploads({ seed: 5, leases: 'without' });
