// Days are numbers, counted from 1970-01-01 (UTC); windows of months, business days: schemas/decision.md, "Calendar".

export const DAY_MS = 86_400_000;

export function dayOf(ms) {
  return Math.floor(ms / DAY_MS);
}

function dayFrom(year, month, date) {
  return dayOf(new Date(0).setUTCFullYear(year, month, date));
}

export const FIRST_DAY = dayFrom(1, 0, 1);
export const LAST_DAY = dayFrom(9999, 11, 31);

/** Year, month (from 0) and day of the month; days after the year 9999 count as its last. */
function civil(day) {
  const date = new Date(Math.min(day, LAST_DAY) * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), date: date.getUTCDate() };
}

/** "YYYY-MM-DD" as a day, or null where there is no such day. */
export function readDay(text) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (parts === null || parts[1] === "0000") return null;
  const day = dayFrom(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]));
  return writeDay(day) === text ? day : null;
}

export function writeDay(day) {
  const { year, month, date } = civil(day);
  return [String(year).padStart(4, "0"), ...[month + 1, date].map((each) => String(each).padStart(2, "0"))].join("-");
}

/** "YYYY-MM-DDTHH:MM:SS.mmmZ". */
export function writeInstant(ms) {
  const time = new Date(ms - dayOf(ms) * DAY_MS).toISOString().slice(10);
  return `${writeDay(dayOf(ms))}${time}`;
}

/** The day so many months later: of the same number, or the last of a shorter month. */
function monthsLater(day, months) {
  const { year, month, date } = civil(day);
  const there = { year: year + Math.floor((month + months) / 12), month: (((month + months) % 12) + 12) % 12 };
  return { ...there, day: dayFrom(there.year, there.month, Math.min(date, lengthOf(there))) };
}

function lengthOf({ year, month }) {
  return new Date(new Date(0).setUTCFullYear(year, month + 1, 0)).getUTCDate();
}

/** The first day of the window of so many months that ends with `day`. */
export function monthsBefore(day, months) {
  const begins = monthsLater(day, -months);
  return begins.year < 1 ? FIRST_DAY : begins.day;
}

/** The first day on which `day` no longer lies in the window of so many months. */
export function windowEnd(day, months) {
  const same = monthsLater(day, months);
  if (same.year > 9999) return LAST_DAY + 1;
  let end = same.day + 1;
  while (end <= LAST_DAY && monthsBefore(end, months) <= day) end += 1;
  return end;
}

/** The first day after the calendar year that follows the one of `day`. */
export function afterNextYear(day) {
  return dayFrom(Math.min(civil(day).year + 2, 9999), 0, 1);
}

export function lastOfYear(day) {
  return dayFrom(civil(day).year, 11, 31);
}

/** Monday to Friday, and no public holiday; day 0 was a Thursday. */
export function isBusinessDay(day, holidays) {
  return (((day + 3) % 7) + 7) % 7 < 5 && !holidays.has(day);
}

/** The `count`th business day after `day`. */
export function businessDaysAfter(day, count, holidays) {
  let found = day;
  for (let left = count; left > 0; ) {
    found += 1;
    if (isBusinessDay(found, holidays)) left -= 1;
  }
  return found;
}
