// How a report is recognised, so that nothing else is ever replaced.

/** The start of every report. */
export const MARKER = '<!DOCTYPE html>\n<html lang="en" data-vhdup-report="1">\n';
