// Bold, dim and the like for terminals.
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Whether to paint at all has been decided by the caller: Node would look at its own stdout and environment. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { validateStream: false });
}
