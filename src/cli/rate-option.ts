// The value of --max-rate: a rate, or a timetable of rates such as "08:00,10Mbit/s 18:00,off".
import { printable } from '../base/printable.ts';
import { EVERY_DAY, type RateChange, type RateLimit } from '../base/rate-timetable.ts';
import { UsageError } from '../errors.ts';
import { parseRate } from './screens/units.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY = '(?:sun|mon|tue|wed|thu|fri|sat)[a-z]*';
const ENTRY = new RegExp(`^(?:(${DAY})(?:-(${DAY}))?-)?(\\d{1,2}):(\\d{2}),(.+)$`, 'i');

/** @throws {UsageError} if `text` is neither a rate nor a timetable. */
export function rateLimitOf(name: string, text: string): RateLimit {
  const rate = parseRate(text);
  if (rate !== undefined) return rate;
  if (!text.includes(',')) {
    throw new UsageError(
      `--${name} must be a rate such as 20MiB/s or 100Mbit/s, or a timetable such as "08:00,10Mbit/s 18:00,off", but is "${text}".`,
    );
  }
  return text
    .trim()
    .split(/\s+/)
    .map((entry) => changeOf(name, entry));
}

/** "08:00,10Mbit/s", "Sat-10:00,off" or "Mon-Fri-08:00,1MiB/s". The form of rclone, and ranges of days. */
function changeOf(name: string, entry: string): RateChange {
  const fail = (problem: string) =>
    new UsageError(
      `--${name} has the entry "${printable(entry)}": ${problem}. Write entries as TIME,RATE or DAY-TIME,RATE with blanks between them, such as "Mon-Fri-08:00,10Mbit/s Mon-Fri-18:00,off".`,
    );
  const match = ENTRY.exec(entry);
  if (match === null) throw fail('it is not a time and a rate');
  const [, from, to, hours, minutes, rateText = ''] = match;
  const minute = Number(hours) * 60 + Number(minutes);
  if (Number(hours) > 23 || Number(minutes) > 59) throw fail('the time is not one of 00:00 to 23:59');
  const rate = rateText.toLowerCase() === 'off' ? Number.POSITIVE_INFINITY : parseRate(rateText);
  if (rate === undefined) throw fail('the rate is neither a rate such as 10Mbit/s nor off');
  return from === undefined ? { minute, rate } : { days: daysOf(from, to ?? from), minute, rate };
}

/** A range may go over the end of the week: Fri-Mon. */
function daysOf(from: string, to: string): number[] {
  const index = (day: string) => DAYS.indexOf(day.slice(0, 3).toLowerCase());
  const count = ((index(to) - index(from) + 7) % 7) + 1;
  return EVERY_DAY.slice(0, count).map((day) => (day + index(from)) % 7);
}
