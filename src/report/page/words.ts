// Numbers, times and names as a report shows them.
import { formatBytes, formatRate } from '../../base/units.ts';
import { type Html, html } from './html.ts';

export const NOT_RECORDED = html`<span class="none">not recorded</span>`;

/** 1234567 → "1,234,567" */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Exact and for people: "1.50 GiB", and "1,610,612,736 bytes". */
export function bytes(count: number | undefined): Html {
  if (count === undefined) return NOT_RECORDED;
  if (count < 1000) return html`${bytesExactly(count)}`;
  return html`${formatBytes(count)} <small>${bytesExactly(count)}</small>`;
}

export function bytesExactly(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'byte' : 'bytes'}`;
}

export function number(count: number | undefined): Html {
  return count === undefined ? NOT_RECORDED : html`${grouped(count)}`;
}

export function rate(bytesPerSecond: number | undefined): Html {
  return bytesPerSecond === undefined ? NOT_RECORDED : html`${formatRate(bytesPerSecond)}`;
}

/** "25.3 %": never 0 % of something, and never 100 % of less than all. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %';
  if (part === whole) return '100 %';
  const value = (part / whole) * 100;
  if (value < 0.1) return '< 0.1 %';
  return value > 99.9 ? '> 99.9 %' : `${value.toFixed(1)} %`;
}

/** In UTC. @param time - In milliseconds since the Unix epoch. */
export function time(milliseconds: number | undefined): Html {
  if (milliseconds === undefined) return NOT_RECORDED;
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return NOT_RECORDED;
  const iso = date.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** "240 ms", "12.3 s", "2 min 26 s", "3 h 12 min" */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3600) return `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A name or a path, whose direction must not change that of the text around it. */
export function name(text: string | undefined): Html {
  return text === undefined ? NOT_RECORDED : html`<bdi class="name">${text}</bdi>`;
}

export function code(text: string | undefined): Html {
  return text === undefined || text === '' ? NOT_RECORDED : html`<code>${text}</code>`;
}

/** Without its query, which could be a SAS. Only the time of a snapshot or a version stays. */
export function shownUrl(url: string): string {
  const [address = '', query = ''] = url.split(/[?#]/, 2);
  const version = /(?:^|&)((?:snapshot|versionid)=[\w.:%-]+)/i.exec(query)?.[1];
  return version === undefined ? address : `${address}?${version}`;
}

/** "1 request", "2 requests" */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}
