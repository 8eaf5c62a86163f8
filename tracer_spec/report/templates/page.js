"use strict";
/* Tables that sort and are searched, the theme, and the charts. The page can be read without any of it. */

(() => {
  const root = document.documentElement;

  function startTheme() {
    const button = document.getElementById("theme");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
    const show = () => { button.textContent = current() === "dark" ? "Light theme" : "Dark theme"; };
    button.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      show();
    });
    dark.addEventListener("change", show);
    button.hidden = false;
    show();
  }

  const value = (row, column, kind) => {
    const cell = row.cells[column];
    return kind === "number" ? Number(cell.dataset.v) : cell.textContent.trim();
  };

  function sort(table, header) {
    const { cellIndex, dataset } = header;
    const first = dataset.sort === "number" ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const order = header.getAttribute("aria-sort") === first ? other : first;
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const compare = dataset.sort === "number"
      ? (a, b) => a - b
      : (a, b) => a.localeCompare(b, undefined, { numeric: true });
    const rows = [...table.tBodies[0].rows].map((row) => [value(row, cellIndex, dataset.sort), row]);
    rows.sort((a, b) => sign * compare(a[0], b[0]));
    table.tBodies[0].append(...rows.map((each) => each[1]));
  }

  function makeSortable(table) {
    for (const header of table.tHead.querySelectorAll("th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(table, header));
      header.replaceChildren(button);
    }
  }

  function makeSearchable(input) {
    const table = document.getElementById(input.dataset.search);
    const told = document.querySelector(`[data-found="${input.dataset.search}"]`);
    const rows = [...table.tBodies[0].rows];
    const all = told.textContent;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLocaleLowerCase();
      let found = 0;
      for (const row of rows) {
        row.hidden = !row.cells[0].textContent.toLocaleLowerCase().includes(wanted);
        found += row.hidden ? 0 : 1;
      }
      told.textContent = wanted ? `${found} of ${all}` : all;
    });
  }

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;

  /* Shows names with texts, beside the pointer. What a mark carries becomes text, and never markup. */
  function showTip(event, told) {
    tip.hidden = told.length === 0;
    if (tip.hidden) return;
    const list = document.createElement("dl");
    for (const [name, text] of told) {
      list.append(Object.assign(document.createElement("dt"), { textContent: name }));
      list.append(Object.assign(document.createElement("dd"), { textContent: String(text) }));
    }
    tip.replaceChildren(list);
    const space = 14;
    const { width, height } = tip.getBoundingClientRect();
    const right = event.clientX + space + width > innerWidth ? event.clientX - space - width : event.clientX + space;
    const below = event.clientY + space + height > innerHeight ? event.clientY - space - height : event.clientY + space;
    tip.style.left = `${Math.max(4, right)}px`;
    tip.style.top = `${Math.max(4, below)}px`;
  }

  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  /* Vega tells the datum, whose list of texts goes by the names of the chart, or an object of names and texts. */
  const tell = (names) => (handler, event, item, value) => {
    if (!value) return showTip(event, []);
    return showTip(event, names ? names.map((name, at) => [name, value.d[at]]) : Object.entries(value));
  };

  async function drawCharts() {
    const config = read("chart-config");
    for (const place of document.querySelectorAll("[data-chart]")) {
      const spec = read(`chart-${place.dataset.chart}`);
      await vegaEmbed(place, spec, {
        actions: false,
        ast: true, /* expressions are interpreted: the policy of this page allows no code from text */
        config,
        defaultStyle: false,
        mode: spec.marks ? "vega" : "vega-lite",
        renderer: "svg",
        tooltip: tell(spec.usermeta?.details),
      });
      place.setAttribute("role", "img");
      place.removeAttribute("aria-roledescription");
      place.setAttribute("aria-label", place.dataset.says);
    }
    root.dataset.drawn = "true";
  }

  document.body.append(tip);
  startTheme();
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll("input[data-search]").forEach(makeSearchable);
  addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  addEventListener("load", drawCharts);
})();
