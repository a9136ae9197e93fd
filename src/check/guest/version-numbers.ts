// Compares the numbers in versions: of kernels ("5.14.0-427.13.1.el9_4.x86_64"), of the agent, of cloud-init.

/** The numbers at the beginning, up to the first part that is none: "2.6.32-754.el6" is 2, 6, 32, 754. */
export function numbersOf(version: string): readonly number[] {
  const numbers: number[] = [];
  for (const part of version.split(/[.-]/)) {
    const digits = /^\d+/.exec(part)?.[0];
    if (digits === undefined) break;
    numbers.push(Number(digits));
    if (digits.length < part.length) break;
  }
  return numbers;
}

/** Missing numbers are zeros. */
export function isVersionAtLeast(version: string, wanted: string): boolean {
  const [have, need] = [numbersOf(version), numbersOf(wanted)];
  for (let index = 0; index < Math.max(have.length, need.length); index++) {
    const difference = (have[index] ?? 0) - (need[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
