// The kernels in which CVE-2019-11477 (TCP SACK panic) is fixed: the table of the certification FAQ of the Marketplace.
import { isVersionAtLeast, numbersOf } from '../guest/version-numbers.ts';

/** Linux 5.2 was released with the fix, so every later series has it. */
const FIXED_SERIES = '5.2';

interface FixedKernel {
  /** Beginning of the numbers of a version, to which the line applies. */
  readonly series: string;
  readonly least: string;
  /** Only for kernels whose version ends or contains this. */
  readonly flavour?: string;
}

/** The first line whose series and flavour match decides. */
const FIXED: Readonly<Record<'redhat' | 'oracle' | 'suse' | 'ubuntu' | 'debian', readonly FixedKernel[]>> = {
  redhat: [
    { series: '2.6.32', least: '2.6.32-754.15.3' },
    { series: '3.10.0-327', least: '3.10.0-327.79.2' },
    { series: '3.10.0-514', least: '3.10.0-514.66.2' },
    { series: '3.10.0-693', least: '3.10.0-693.50.3' },
    { series: '3.10.0-862', least: '3.10.0-862.34.2' },
    { series: '3.10.0-957', least: '3.10.0-957.21.3' },
    { series: '3.10.0', least: '3.10.0-1062.1.1' },
    { series: '4.18.0-80', least: '4.18.0-80.4.2' },
    { series: '4.18.0', least: '4.18.0-147' },
  ],
  oracle: [
    { series: '2.6.39', least: '2.6.39-400.312.2' },
    { series: '3.8.13', least: '3.8.13-118.35.2' },
    { series: '4.1.12', least: '4.1.12-124.28.3' },
    { series: '4.14.35', least: '4.14.35-1902.2.0' },
  ],
  suse: [
    { series: '3.0.101', least: '3.0.101-108.95.2' },
    { series: '3.12.74', least: '3.12.74-60.64.115.1' },
    { series: '4.4.121', least: '4.4.121-92.114.1' },
    { series: '4.4.180', least: '4.4.180-4.31.1', flavour: 'azure' },
    { series: '4.4.180', least: '4.4.180-94.97.1' },
    { series: '4.12.14-5', least: '4.12.14-5.30.1', flavour: 'azure' },
    { series: '4.12.14', least: '4.12.14-6.15.2', flavour: 'azure' },
    { series: '4.12.14-95', least: '4.12.14-95.19.1' },
  ],
  ubuntu: [
    { series: '4.4.0', least: '4.4.0-151' },
    { series: '4.15.0', least: '4.15.0-1049', flavour: 'azure' },
    { series: '4.18.0', least: '4.18.0-1023', flavour: 'azure' },
    { series: '5.0.0', least: '5.0.0-1010', flavour: 'azure' },
  ],
  debian: [
    { series: '3.16', least: '3.16.68-2' },
    { series: '4.9', least: '4.9.168-1' },
    { series: '4.19', least: '4.19.37-5' },
  ],
};

export type KernelVendor = keyof typeof FIXED;

/** Undefined if the table does not say it. @param version For Debian, of the package: "4.19.37-5+deb10u1". */
export function hasSackFix(vendor: KernelVendor | undefined, version: string): boolean | undefined {
  if (isVersionAtLeast(version, FIXED_SERIES)) return true;
  const numbers = numbersOf(version).join('.');
  const line = (vendor === undefined ? [] : FIXED[vendor]).find(
    ({ series, flavour = '' }) =>
      `${numbers}.`.startsWith(`${numbersOf(series).join('.')}.`) && version.includes(flavour),
  );
  return line === undefined ? undefined : isVersionAtLeast(version, line.least);
}
