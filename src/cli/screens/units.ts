// Sizes, rates and durations in human-readable form.

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** 1536 → "1.5 KiB". Three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${BINARY_UNITS[unit]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** 3725 → "1:02:05", 65 → "1:05", 5 → "0:05". */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, '0'));
  return `${parts[0] === 0 ? '' : `${hours}:`}${rest.join(':')}`.replace(/^0(?=\d)/, '');
}

/** "90", "90s", "15m", "12h", "2d" → milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) return undefined;
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(match[1]) * (factors[match[2] ?? 's'] ?? 1000);
}

/** "20MiB/s", "1.5 MB/s", "800k" → bytes per second; undefined for anything else. Units of bits are not supported. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(i?)(b?)(?:\/s)?$/i.exec(text.trim());
  if (match === null || match[4] === 'b') return undefined;
  const power = ['', 'k', 'm', 'g'].indexOf((match[2] ?? '').toLowerCase());
  // KB and MB are powers of 1000, KiB and MiB powers of 1024. A bare k or m means KiB or MiB, as in most tools.
  const base = match[3] === '' && match[4] !== '' ? 1000 : 1024;
  return Number(match[1]) * base ** power;
}
