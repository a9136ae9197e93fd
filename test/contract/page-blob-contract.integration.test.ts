// Runs the contract of a page-blob service against the strict test server and Azurite.

import { startAzurite } from '../support/azurite.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { describePageBlobService } from './page-blob-contract.ts';

describePageBlobService('the strict test server', () => startPageBlobServer());
describePageBlobService('Azurite', () => startAzurite());
