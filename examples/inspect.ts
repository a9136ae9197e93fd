// node examples/inspect.ts IMAGE: prints facts about an image as JSON.
import { inspectImage } from 'vhdup';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Usage: inspect.ts IMAGE');

const { image, disk, problems } = await inspectImage({ image: path });
const facts = {
  format: image.format,
  size: disk?.size,
  allocated: disk?.allocated,
  partitions: disk?.layout.table?.partitions.length ?? 0,
  generations: disk?.boot.generations,
  operatingSystem: disk?.operatingSystem?.name,
  problems: problems.map(({ message }) => message),
};
console.log(JSON.stringify(facts, undefined, 2));
