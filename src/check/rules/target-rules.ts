// Rules about the uploaded blob and its container. They run only if a destination is given.

import { marketplaceNameProblem, marketplaceSasProblem } from '../../azure/auth/marketplace-rules.ts';
import { printable } from '../../base/printable.ts';
import { shellWord } from '../../base/shell-word.ts';
import { isFixedFooter } from '../../image/vhd/footer.ts';
import { DESCRIBED_ACCESS } from '../../remote/container.ts';
import { isComplete, isFailed, isUnfinished } from '../../state/blob-metadata.ts';
import type { BlobProperties } from '../../target/page-blob.ts';
import type { CheckFacts, TargetFacts } from '../check-facts.ts';
import { fail, onlyFor, pass, type Rule, unread, type Verdict, warn } from '../rule.ts';

/** A rule about the target. */
function targetRule(
  rule: Omit<Rule, 'level' | 'group' | 'run'>,
  run: (target: TargetFacts, facts: CheckFacts) => Verdict,
): Rule {
  return {
    ...rule,
    level: 'C',
    group: 'target',
    exempt: (facts) => (facts.target === undefined ? 'no destination was given' : rule.exempt?.(facts)),
    run: (facts) => (facts.target === undefined ? NO_TARGET : run(facts.target, facts)),
  };
}

const NO_TARGET = unread('no destination was given', 'Give --destination.');

/** A rule about the blob, which must exist and be visible. */
function blobRule(
  rule: Omit<Rule, 'level' | 'group' | 'run'>,
  run: (blob: BlobProperties, target: TargetFacts, facts: CheckFacts) => Verdict,
): Rule {
  return targetRule(rule, (target, facts) => {
    const { blob, address } = target;
    if (!blob.known) return notLooked(blob.reason);
    if (blob.value !== undefined) return run(blob.value, target, facts);
    return unread(
      'the blob does not exist',
      `Upload the image: vhdup upload ${shellWord(facts.image.path)} ${shellWord(address.url)}`,
    );
  });
}

function notLooked(reason: string): Verdict {
  return unread(
    `not looked at: ${reason}`,
    'Use a credential that may read, such as a SAS with sp=rl or an account key.',
  );
}

const NAME = targetRule(
  {
    id: 'target-name',
    sources: ['certification', 'marketplaceSas'],
    title: 'Name for the Marketplace',
    reason: 'The Marketplace needs a name that ends in .vhd, without white space, % or ".',
    exempt: onlyFor('marketplace'),
  },
  ({ address: { blobName } }) => {
    const problem = marketplaceNameProblem(blobName);
    const name = `"${printable(blobName)}"`;
    return problem === undefined
      ? pass(name)
      : fail(`${name}: ${problem}`, 'Upload to a blob with another name, such as disk.vhd.');
  },
);

const ACCESS = targetRule(
  {
    id: 'target-access',
    sources: ['marketplaceSas', 'publicAccess'],
    title: 'Readable for Marketplace',
    reason: 'The Marketplace copies the VHD from a container with public access, or with a SAS for the container.',
    exempt: onlyFor('marketplace'),
  },
  ({ address, access, anonymous, blob, sas }) => {
    const { accountName = 'ACCOUNT', containerName, containerUrl } = address;
    const withSas = `Make a SAS: vhdup sas ${shellWord(address.url)} --for marketplace`;
    const open = `. Or allow public access: az storage container set-permission --account-name ${accountName} --name '${containerName}' --public-access blob`;
    if (!anonymous.known) return unread(`not looked at: ${anonymous.reason}`, `${withSas}.`);
    if (anonymous.value === 'readable') return pass('everyone can read the blob');
    const exists = blob.known && blob.value !== undefined;
    if (exists && sas?.resource === 'c') {
      const problem = marketplaceSasProblem(sas);
      return problem === undefined
        ? pass(`with the SAS of the destination, until ${sas.expiresOn?.toISOString().slice(0, 10)}`)
        : warn(`not public, and the SAS of the destination ${problem}`, `${withSas}.`);
    }
    if (anonymous.value === 'forbidden') {
      return warn('the account forbids public access (allowBlobPublicAccess is false)', `${withSas}.`);
    }
    if (access.known && access.value === undefined) {
      return unread(
        `the container ${containerUrl} does not exist`,
        'Upload with --create-container, and with --public-access blob to make it public.',
      );
    }
    if (access.known && access.value !== undefined && access.value !== 'none') {
      const found = DESCRIBED_ACCESS[access.value];
      return exists ? warn(`${found}, but the blob cannot be read without a credential`, `${withSas}.`) : pass(found);
    }
    if (access.known || exists) return warn('private (no public access)', `${withSas}${open}.`);
    return unread(`not looked at: ${access.reason}`, `${withSas}.`);
  },
);

const TYPE = blobRule(
  {
    id: 'target-type',
    sources: ['certification'],
    title: 'Page blob',
    reason: 'Disks and images are created from page blobs. A block blob with the same content is rejected.',
  },
  ({ type }) =>
    type === 'PageBlob' ? pass(type) : fail(type, 'Delete the blob, and upload the image with vhdup upload.'),
);

const SIZE = blobRule(
  {
    id: 'target-size',
    sources: ['certification'],
    title: 'Size of the image',
    reason: 'The blob must hold the whole disk, rounded up to a MiB, and the footer of 512 bytes.',
  },
  ({ size }, { expectedSize }) =>
    size === expectedSize
      ? pass(`${size} bytes`)
      : fail(`${size} bytes, but the uploaded image has ${expectedSize}`, 'Upload the image again with --overwrite.'),
);

const FOOTER = blobRule(
  {
    id: 'target-footer',
    sources: ['certification'],
    title: 'Footer of a fixed VHD',
    reason: 'Azure recognises a VHD by its footer, which must be that of a fixed disk of this size.',
  },
  ({ size }, { footer }) => {
    if (!footer.known) return notLooked(footer.reason);
    return isFixedFooter(footer.value, size - footer.value.length)
      ? pass('valid')
      : fail('none, or that of another disk', 'Upload the image with vhdup upload, which writes the footer.');
  },
);

const COMPLETE = blobRule(
  {
    id: 'target-complete',
    sources: ['experience'],
    title: 'Complete upload',
    reason: 'An unfinished blob is not a VHD, and one that failed its verification differs from the image.',
  },
  ({ metadata }, { address }, { image }) => {
    if (isComplete(metadata)) return pass('completed and verified by vhdup');
    if (isFailed(metadata)) {
      return fail(
        'the blob does not match the image it was made from',
        'Upload the image again with --restart --overwrite.',
      );
    }
    if (isUnfinished(metadata)) return fail('an unfinished upload', 'Run the same vhdup upload again to resume it.');
    return unread(
      'vhdup did not upload the blob',
      `Compare it: vhdup verify ${shellWord(image.path)} ${shellWord(address.url)} --full`,
    );
  },
);

const LEASE = blobRule(
  {
    id: 'target-lease',
    sources: ['experience'],
    title: 'Not leased',
    reason: 'While something holds a lease, the blob is in use as a disk or is being written to.',
  },
  ({ isLeased }) =>
    isLeased
      ? warn('leased', 'Wait until the upload has ended, or delete the disk or VM that uses the blob.')
      : pass('no lease'),
);

export const TARGET_RULES: readonly Rule[] = [NAME, ACCESS, TYPE, SIZE, FOOTER, COMPLETE, LEASE];
