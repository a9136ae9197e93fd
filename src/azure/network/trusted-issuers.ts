// More issuers of certificates, which are looked up only when a server is not trusted without them: to read the store of the system
// takes 40 ms and 8 MiB.
import { codeOf } from '../../base/thrown.ts';

/** OpenSSL's reasons that another trusted issuer can remove, such as a newer root in the place of one that has expired. Source: nodejs.org/api/tls.html, X509 certificate error codes. */
const UNKNOWN_ISSUER =
  /^(?:UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED|CERT_HAS_EXPIRED|CERT_SIGNATURE_FAILURE|INVALID_CA)$/;

let find: (() => boolean) | undefined;
let isFound: boolean | undefined;

/** @param trustMore - Called at most once, before a request is sent again. Returns whether more issuers are trusted since. */
export function adoptIssuers(trustMore: () => boolean): void {
  find = trustMore;
  isFound = undefined;
}

/** A policy for each pipeline that sends requests: sends a request once more if its server may be trusted now. */
export const trustingMoreIssuers = {
  name: 'vhdupTrustedIssuers',
  async sendRequest<Request, Answer>(request: Request, next: (request: Request) => Promise<Answer>): Promise<Answer> {
    try {
      return await next(request);
    } catch (error) {
      if (!mayBeTrustedNow(error)) throw error;
      return await next(request);
    }
  },
};

/** Whether the request failed because of an issuer that is unknown without those of the system. */
function mayBeTrustedNow(error: unknown): boolean {
  if (find === undefined || !UNKNOWN_ISSUER.test(codeOf(error) ?? '')) return false;
  // Other requests that were sent before may fail later.
  isFound ??= find();
  return isFound;
}
