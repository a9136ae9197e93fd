// Results as text: a title, and rows of names and values.
import { padToWidth, textWidth } from './text-width.ts';
import { formatBytes } from './units.ts';

/** "1.50 GiB (1610612736 bytes)" */
export function exact(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

export function table(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => textWidth(name)));
  return [title, ...rows.map(([name, value]) => `  ${padToWidth(name, width)}  ${value}`)].join('\n');
}
