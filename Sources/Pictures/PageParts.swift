internal import PatchEngine

/// What every page has in it.
enum PageParts {
  static let style = """
    :root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--muted:#59636e;--line:#d1d9e0;--shade:#f6f8fa;\
    --link:#0a58ca}
    @media screen and (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--muted:#9198a1;\
    --line:#3d444d;--shade:#151b23;--link:#6cb6ff}}
    body{margin:0;background:var(--paper);color:var(--ink);\
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}
    h1{font-size:22px;line-height:1.25;margin:0 0 8px}
    h2{font-size:17px;margin:32px 0 10px}
    p{margin:0 0 10px}
    .panels{display:flex;flex-wrap:wrap;gap:32px;align-items:flex-start}
    main>svg,.panels svg{max-width:100%;height:auto}
    .scroll{overflow-x:auto;max-height:80vh;border:1px solid var(--line);border-radius:6px}
    table{border-collapse:separate;border-spacing:0;font-size:13px;font-variant-numeric:tabular-nums;width:100%}
    th,td{padding:4px 10px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line)}
    thead th{position:sticky;top:0;background:var(--shade);z-index:2;padding:0}
    thead th:first-child,tbody th{position:sticky;left:0}
    thead th:first-child{z-index:3}
    tbody th{background:var(--paper);font-weight:400;font-family:ui-monospace,"DejaVu Sans Mono",monospace;\
    font-size:12px}
    tbody tr:last-child>*{border-bottom:0}
    tbody tr:hover>*{background:var(--shade)}
    td.number{text-align:right}
    thead th:not([aria-sort]),thead button{padding:6px 10px}
    thead th{vertical-align:bottom;white-space:normal}
    thead button{font:inherit;font-weight:600;line-height:1.3;color:inherit;background:none;border:0;width:100%;\
    text-align:inherit;cursor:pointer}
    thead button::after{content:"↕";color:var(--muted);margin-left:5px;font-weight:400}
    [aria-sort=ascending] button::after{content:"↑";color:inherit}
    [aria-sort=descending] button::after{content:"↓";color:inherit}
    :focus-visible{outline:2px solid var(--link);outline-offset:-2px}
    input{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--muted);border-radius:6px;\
    padding:3px 8px;max-width:100%;box-sizing:border-box}
    output,dt{color:var(--muted)}
    output{white-space:nowrap}
    wbr{display:none}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;font-size:13px;margin:0}
    dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:12px}
    @media (max-width:600px){dl{grid-template-columns:1fr}dd{margin-bottom:8px}\
    tbody th{min-width:34vw;white-space:normal;line-height:1.3}wbr{display:inline}thead th{white-space:nowrap}\
    label{display:block}}
    @media print{main{max-width:none;padding:0}.scroll{max-height:none;overflow:visible;border:0}\
    .search{display:none}thead th,tbody th{position:static!important}table{font-size:9px}\
    th,td,thead button,thead th:not([aria-sort]){padding:1px 4px}tbody th{font-size:8.5px}wbr{display:inline}\
    thead button::after{content:""}tr{break-inside:avoid}\
    .panels{flex-wrap:nowrap;gap:16px}.panels svg{flex:1 1 0;min-width:0;break-inside:avoid}\
    .map{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
    """

  /// Makes a button of each heading, sorts the rows, and hides those that do not match.
  static let script = """
    (() => {
      const table = document.getElementById('table'), body = table.tBodies[0];
      const rows = Array.from(body.rows);
      const heads = Array.from(table.tHead.rows[0].cells);
      const value = (row, column) => {
        const cell = row.cells[column];
        if (!cell.classList.contains('number')) return cell.textContent;
        return cell.dataset.value !== undefined ? Number(cell.dataset.value)
          : Number(cell.textContent.replaceAll(',', ''));
      };
      const order = new Intl.Collator('en', { numeric: true });
      const compare = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b
        : typeof a === 'number' ? 1 : typeof b === 'number' ? -1 : order.compare(a, b);
      heads.forEach((head, column) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = head.textContent;
        head.replaceChildren(button);
        head.setAttribute('aria-sort', 'none');
        const isNumeric = rows.some(row => row.cells[column].classList.contains('number'));
        if (isNumeric) head.style.textAlign = 'right';
        button.addEventListener('click', () => {
          const before = head.getAttribute('aria-sort');
          const descends = before === 'none' ? isNumeric : before === 'ascending';
          for (const other of heads) other.setAttribute('aria-sort', 'none');
          head.setAttribute('aria-sort', descends ? 'descending' : 'ascending');
          const keyed = rows.map((row, index) => [value(row, column), index, row]);
          keyed.sort((a, b) => (descends ? compare(b[0], a[0]) : compare(a[0], b[0])) || a[1] - b[1]);
          // Out of the page, rows are moved without being laid out.
          body.remove();
          body.append(...keyed.map(entry => entry[2]));
          table.append(body);
        });
      });
      const filter = document.getElementById('filter'), count = document.getElementById('count');
      const show = () => {
        const words = filter.value.toLowerCase().split(' ').filter(word => word);
        let shown = 0;
        for (const row of rows) {
          const name = row.cells[0].textContent.toLowerCase();
          row.hidden = !words.every(word => name.includes(word));
          if (!row.hidden) shown += 1;
        }
        count.textContent = `${shown} of ${rows.length} rows`;
      };
      filter.addEventListener('input', show);
      document.querySelector('.search').hidden = false;
      show();
    })();
    """
}
