// The page of the project on GitHub, which every manifest names.

/** For builds that are not released. */
const PLACEHOLDER = 'https://github.com/OWNER/vhdup';
const PROJECT_PAGE = /^https:\/\/github\.com\/[\w.-]+\/[\w.-]+$/;

/**
 * @param repository - Of package.json: a text, or an object with a URL.
 * @param environment - Of the workflow of a release, if one runs: it names its own repository.
 * @returns undefined if neither names a repository.
 * @throws {Error} if package.json names something else than a repository on GitHub.
 */
export function projectPage(repository: unknown, environment: NodeJS.ProcessEnv): string | undefined {
  const named = typeof repository === 'string' ? repository : (repository as { url?: string } | undefined)?.url;
  if (named === undefined) {
    const own = environment['GITHUB_REPOSITORY'];
    return own ? `https://github.com/${own}` : undefined;
  }
  const page = named
    .replace(/^git\+/, '')
    .replace(/^(?:github:)?([\w.-]+\/[\w.-]+)$/, 'https://github.com/$1')
    .replace(/\.git$/, '');
  if (PROJECT_PAGE.test(page)) return page;
  throw new Error(`package.json names the repository "${named}"; needed: a URL such as git+${PLACEHOLDER}.git.`);
}

/**
 * @param isRelease - Whether the manifests will be published.
 * @throws {Error} if it is not known, for a release; or as `projectPage` does.
 */
export function homepageOf(repository: unknown, environment: NodeJS.ProcessEnv, isRelease: boolean): string {
  const page = projectPage(repository, environment);
  if (page !== undefined) return page;
  if (!isRelease) return PLACEHOLDER;
  throw new Error(
    `A release needs the page of the project, and package.json names no repository: npm pkg set repository.url=git+${PLACEHOLDER}.git`,
  );
}
