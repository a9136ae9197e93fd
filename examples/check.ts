// node examples/check.ts IMAGE: checks whether Azure accepts an image, and prints what must be fixed.
import { checkImage } from 'vhdup';

const [image] = process.argv.slice(2);
if (image === undefined) throw new Error('Usage: check.ts IMAGE');

const { result, findings } = await checkImage({ image, purpose: 'vm' });
for (const finding of findings) {
  if (finding.result === 'pass' || finding.result === 'not-applicable') continue;
  console.log(`${finding.result}: ${finding.title}: ${finding.found}`);
  if (finding.fix !== undefined) console.log(`  ${finding.fix}`);
}
console.log(`Result: ${result}`);
