// node examples/own-credential.ts IMAGE CONTAINER/BLOB: uploads with a connection string that the application keeps itself.
// With a credential of @azure/identity, pass { kind: 'token', source: new ManagedIdentityCredential() } instead.
import { parseConnectionString, uploadImage } from 'vhdup';

const [image, destination] = process.argv.slice(2);
const connectionString = process.env['DISKS_CONNECTION_STRING'];
if (image === undefined || destination === undefined || connectionString === undefined) {
  throw new Error('Usage: DISKS_CONNECTION_STRING=... own-credential.ts IMAGE CONTAINER/BLOB');
}

const { serviceUrl, credential } = parseConnectionString(connectionString);
const { url } = await uploadImage({ image, destination, serviceUrl, credential, createContainer: true });
console.log(`Uploaded ${url}.`);
