// The parts of which the sections of a report are made: facts with their names, and tables.
import { type Html, html, type Part } from './html.ts';

/** Names and values. Rows whose value is undefined are left out. */
export function facts(rows: readonly (readonly [string, Part])[]): Html {
  const shown = rows.filter(([, value]) => value !== undefined);
  return html`<dl>${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>`;
}

export interface Column {
  readonly name: string;
  /** Numbers are aligned to the right. @default false */
  readonly isNumber?: boolean;
}

/** The first cell of each row is its heading. @param caption - What the table shows. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Part[])[]): Html {
  const style = ({ isNumber }: Column) => (isNumber === true ? html` class="num"` : undefined);
  const head = columns.map((column) => html`<th scope="col"${style(column)}>${column.name}</th>`);
  const body = rows.map((row) => {
    const cells = columns.map((column, index) =>
      index === 0
        ? html`<th scope="row"${style(column)}>${row[index]}</th>`
        : html`<td${style(column)}>${row[index]}</td>`,
    );
    return html`<tr>${cells}</tr>\n`;
  });
  return html`<div class="scroll" role="group" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>
`;
}

/** @param id - For links, and the name of the section. */
export function section(id: string, title: string, ...content: readonly Part[]): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>
`;
}

export function paragraph(...content: readonly Part[]): Html {
  return html`<p>${content}</p>\n`;
}
