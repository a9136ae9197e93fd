// Sends requests in one version of the REST API, instead of the SDK's newest.
import type { PipelinePolicy } from './bounded-answers.ts';

export function fixedVersion(version: string): PipelinePolicy {
  return {
    name: 'fixedVersion',
    async sendRequest(request, next) {
      request.headers.set('x-ms-version', version);
      return await next(request);
    },
  };
}
