// Downloads whose answers have no ETag, as managed disks may send them.
import type { PipelinePolicy } from './bounded-answers.ts';

/** The SDK refuses a download without an ETag, although it needs one only to continue a download, which vhdup does not. */
export function optionalEtag(): PipelinePolicy {
  return {
    name: 'optionalEtag',
    async sendRequest(request, next) {
      const response = await next(request);
      if (request.method === 'GET' && response.headers.get('etag') === undefined)
        response.headers.set('etag', '"absent"');
      return response;
    },
  };
}
