// The permission letters of a SAS that vhdup needs, and the operations that need them.
// Source: REST, "Create a service SAS" and "Create an account SAS", permissions and the tables of operations.

/** What a letter allows, and the first operations of vhdup that the service refuses without it. */
interface Permission {
  readonly name: string;
  readonly operations: string;
}

/**
 * An upload needs w for everything that it sends: Put Page, the lease and the metadata. Put Blob needs w or c for a new blob, and
 * w for an existing one, so c alone cannot upload, and w makes c unnecessary. d is needed only to delete snapshots, and l never.
 */
const PERMISSIONS: ReadonlyMap<string, Permission> = new Map([
  ['r', { name: 'read', operations: 'Get Blob Properties and Get Page Ranges' }],
  ['w', { name: 'write', operations: 'Put Page' }],
  ['d', { name: 'delete', operations: 'Delete Blob for the snapshots (--delete-snapshots)' }],
  ['t', { name: 'tags', operations: 'Put Blob with tags (--blob-tags)' }],
]);

/** "r: read, for Get Blob Properties and Get Page Ranges; w: write, for Put Page" */
export function describePermissions(letters: readonly string[]): string {
  return letters
    .map((letter) => {
      const permission = PERMISSIONS.get(letter);
      return permission === undefined ? letter : `${letter}: ${permission.name}, for ${permission.operations}`;
    })
    .join('; ');
}

/**
 * The letters of `needed` that a SAS does not have.
 * @param permissions - Its `sp`. Undefined if a stored access policy (`si`) grants the permissions: only the service knows them, so
 *   none is missing.
 */
export function missingLetters(permissions: string | undefined, needed: string): string[] {
  return permissions === undefined ? [] : [...needed].filter((letter) => !permissions.includes(letter));
}
