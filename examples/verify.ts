// node examples/verify.ts IMAGE URL: reads every page of a blob back and lists where it differs from the image.
import { verifyBlob } from 'vhdup';

const [image, destination] = process.argv.slice(2);
if (image === undefined || destination === undefined) throw new Error('Usage: verify.ts IMAGE URL');

const { matches, differences, url } = await verifyBlob({ image, destination, full: true });
if (matches) {
  console.log(`${url} matches ${image}.`);
} else {
  console.log(`${url} differs from ${image} in ${differences.count} places:`);
  for (const { kind, offset, length } of differences.first) console.log(`  ${kind} at ${offset}, ${length} bytes`);
  process.exitCode = 10;
}
