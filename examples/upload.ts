// node examples/upload.ts IMAGE URL: uploads an image, shows progress and stops cleanly on Ctrl-C. Run it again to resume.
import { uploadImage, VhdupError } from 'vhdup';

const [image, destination] = process.argv.slice(2);
if (image === undefined || destination === undefined) throw new Error('Usage: upload.ts IMAGE URL');

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('Stopped. Run the same command again to resume.')));

let shownPercent = -1;
try {
  const result = await uploadImage({
    image,
    destination,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'warning') console.error(`Warning: ${event.message}`);
      if (event.type !== 'progress' || event.planned === undefined) return;
      const percent = event.planned === 0 ? 100 : Math.floor((100 * event.done) / event.planned);
      if (percent !== shownPercent) console.log(`${percent} %`);
      shownPercent = percent;
    },
  });
  console.log(`Uploaded ${result.url}: ${result.sent} bytes sent in ${result.requests} requests.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof VhdupError ? error.exitCode : 1;
}
