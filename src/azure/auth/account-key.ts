// The form of account keys. Without the Storage SDK, which only requests need.
import { registerSecret } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import { withoutWrapping } from '../given-text.ts';

/**
 * @returns the key without quotes or white space around it. Registers it as a secret.
 * @throws {CredentialError} not base64. The message contains nothing of the key.
 */
export function accountKeyOf(text: string): string {
  const key = withoutWrapping(text);
  registerSecret(key);
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === key.replace(/=+$/, '')) return key;
  throw new CredentialError(
    `The account key is not valid base64 (${key.length} characters). Copy it again from the Access keys page of the account.`,
  );
}
