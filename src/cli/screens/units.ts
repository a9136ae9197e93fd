// Sizes, rates and durations in human-readable form, and as people type them.
export { formatBytes, formatRate, formatSeconds } from '../../base/units.ts';

/** "90", "90s", "15m", "12h", "2d" → milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) return undefined;
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(match[1]) * (factors[match[2] ?? 's'] ?? 1000);
}

/** "20MiB/s", "1.5 MB/s", "800k", "100Mbit/s", "100Mbps" → bytes per second; undefined for anything else. */
export function parseRate(text: string): number | undefined {
  const trimmed = text.trim();
  return parseBitRate(trimmed) ?? parseByteRate(trimmed);
}

/** A lone b is refused: in "20mb/s", nobody knows what it stands for. */
function parseByteRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(i?)(b?)(?:\/s|(?<=B)ps)?$/i.exec(text);
  if (match === null || match[4] === 'b') return undefined;
  // KB and MB are powers of 1000, KiB and MiB powers of 1024. A bare k or m means KiB or MiB, as in most tools.
  const base = match[3] === '' && match[4] !== '' ? 1000 : 1024;
  return Number(match[1]) * base ** powerOf(match[2]);
}

/** Network providers count in bits, by powers of 1000. */
function parseBitRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgKMG]?)(i?)(?:[Bb]its?(?:\/s|ps)?|bps)$/.exec(text);
  if (match === null) return undefined;
  return (Number(match[1]) * (match[3] === '' ? 1000 : 1024) ** powerOf(match[2])) / 8;
}

function powerOf(prefix: string | undefined): number {
  return ['', 'k', 'm', 'g'].indexOf((prefix ?? '').toLowerCase());
}
