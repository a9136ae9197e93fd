// How the guided upload gets access to a blob: a SAS that is pasted and never shown, an option, the environment, or a sign-in.
import { carriesSas, needsEndpoint, parseDestination } from '../../azure/destination.ts';
import { isUrl, withoutWrapping } from '../../azure/given-text.ts';
import { CredentialError, UsageError } from '../../errors.ts';
import type { ServiceOptions } from '../../options.ts';
import type { BlobAddress } from '../../target/page-blob.ts';
import { givesSas } from '../commands/sas-options.ts';
import { type AzureEnvironment, readEnvironment } from '../environment.ts';
import type { GuideContext } from './context.ts';
import type { RecentDestination } from './recent-destinations.ts';

/** A blob or a container that the user named. */
export interface BlobPlace {
  readonly address: BlobAddress;
  /** A secret. */
  readonly sas: string | undefined;
}

export type RememberedAccess = Extract<RecentDestination, { kind: 'container' }>['access'];

export type BlobAccess =
  | { readonly kind: 'sas'; readonly sas: string }
  /** `--sas-file` or `--sas-command`. */
  | { readonly kind: 'option' }
  | { readonly kind: 'environment'; readonly credential: NonNullable<AzureEnvironment['credential']> };

/** @param text - A URL, or `container/blob` in the account of the environment. @throws {UsageError} it is neither. */
export function parsePlace(text: string, { args, environment }: Pick<GuideContext, 'args' | 'environment'>): BlobPlace {
  // Nothing but the endpoint is read: which credential is used is another question.
  const { serviceUrl } = needsEndpoint(text)
    ? readEnvironment(environment, text, true, { mayBeContainer: true, cloud: args.cloud })
    : {};
  const { address, sas } = parseDestination(text, serviceUrl, undefined, { mayBeContainer: true });
  return { address, sas };
}

/** @returns undefined to go back. */
export async function askAccess(
  place: BlobPlace,
  preferred: RememberedAccess | undefined,
  { args, environment, dialogue }: GuideContext,
): Promise<BlobAccess | undefined> {
  const { address, sas } = place;
  if (sas !== undefined) return { kind: 'sas', sas };
  if (givesSas(args)) return { kind: 'option' };
  const askSas = async (): Promise<BlobAccess | undefined> => {
    const given = await dialogue.askSecret('SAS, or a URL with one (not shown)', {
      parse: (text) => sasIn(text, address),
    });
    return given === undefined ? undefined : { kind: 'sas', sas: given };
  };
  // Only with its SAS can anybody write to the content of a managed disk.
  if (address.isDisk === true) return await askSas();
  let credential: AzureEnvironment['credential'];
  try {
    const more = { mayBeContainer: true, cloud: args.cloud };
    ({ credential } = readEnvironment(environment, address.url, false, more));
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    dialogue.explain(error);
  }
  if (credential === undefined) return await askSas();
  if (credential.kind !== 'entra') return { kind: 'environment', credential };
  const kind = await dialogue.choose(
    'Access by',
    [
      { label: 'a SAS that you paste', value: 'sas' },
      { label: 'Microsoft Entra: az login, Connect-AzAccount or a managed identity', value: 'entra' },
    ],
    preferred === 'environment' ? 1 : 0,
  );
  return kind === 'sas' ? await askSas() : kind === undefined ? undefined : { kind: 'environment', credential };
}

/** The options of the library for requests to a blob; undefined if only the command itself gets the SAS. */
export function serviceOptionsOf(
  url: string,
  access: BlobAccess,
  { args }: GuideContext,
): Pick<ServiceOptions, 'destination' | 'credential' | 'cloud' | 'serviceUrl'> | undefined {
  const cloud = args.cloud === undefined ? {} : { cloud: args.cloud };
  switch (access.kind) {
    case 'option':
      return undefined;
    case 'sas':
      return { destination: `${url}?${access.sas}`, ...cloud };
    case 'environment':
      return { destination: url, credential: access.credential, ...cloud };
  }
}

/** How the summary names it. */
export function describeAccess(access: BlobAccess): string {
  switch (access.kind) {
    case 'sas':
      return 'the SAS that you pasted';
    case 'option':
      return 'the SAS of --sas-file or --sas-command';
    case 'environment':
      return {
        sas: 'the SAS in AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING',
        'account-key': 'the account key in the environment',
        entra: 'Microsoft Entra',
        token: 'Microsoft Entra',
        anonymous: 'none',
      }[access.credential.kind];
  }
}

/** @throws {UsageError} there is no SAS in it, or it is for another container. The message shows nothing of it. */
function sasIn(text: string, { containerUrl, url }: BlobAddress): string {
  const bare = withoutWrapping(text);
  if (!isUrl(bare)) {
    const sas = bare.replace(/^[?&]+/, '');
    if (carriesSas(`${url}?${sas}`)) return sas;
    throw new UsageError(
      'That is not a SAS: it has no signature (parameter sig). Copy the whole text behind the question mark.',
    );
  }
  const given = parseDestination(bare, undefined, undefined, { mayBeContainer: true });
  if (given.sas === undefined) throw new UsageError('The URL has no SAS behind a question mark.');
  if (given.address.containerUrl === containerUrl) return given.sas;
  throw new UsageError(`That SAS is for ${given.address.containerUrl}, not for ${containerUrl}.`);
}
