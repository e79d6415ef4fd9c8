"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const svgNode = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([k, v]) => node.setAttribute(k, v));
    return node;
  };
  const fixed = (x, digits) => {
    if (!Number.isFinite(x)) return "\u2013";
    const text = (Math.abs(x) + 1e-12).toFixed(digits);
    return (x < 0 && Number(text) !== 0 ? "\u2212" : "") + text;
  };
  all(".js").forEach((node) => (node.hidden = false));

  /* theme */
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  const contents = document.querySelector(".contents details");
  if (matchMedia("(max-width: 56rem)").matches) contents.open = false;

  /* open on paper, but for tables of pages, which whoever wants them opens first */
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("main details:not([open]):not(.long)");
    closed.forEach((d) => (d.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((d) => (d.open = false)));

  /* tables: sort by heading, filter by text */
  function value(row, column) {
    const text = row.cells[column].dataset.sort || "";
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text;
  }
  function compare(a, b) {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  }
  function sortBy(table, column, heading) {
    const down = heading.getAttribute("aria-sort") === "ascending";
    all("thead th", table).forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = Array.from(table.tBodies[0].rows);
    const order = rows.map((row, i) => [value(row, column), i, row]);
    // what has no value stays at the end either way
    order.sort((a, b) => (a[0] === "" || b[0] === "" ? compare(a[0], b[0]) : (down ? -1 : 1) * compare(a[0], b[0])) || a[1] - b[1]);
    table.tBodies[0].append(...order.map((entry) => entry[2]));
  }
  all("table.sortable").forEach((table) => {
    all("thead th", table).forEach((th, column) => {
      if ("mixed" in th.dataset) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => sortBy(table, column, th));
    });
  });
  all("table.filterable").forEach((table) => {
    const box = document.createElement("div");
    box.className = "filter";
    const label = document.createElement("label");
    label.textContent = "Filter rows";
    label.htmlFor = table.id + "-filter";
    const input = document.createElement("input");
    input.type = "search";
    input.id = label.htmlFor;
    const told = document.createElement("output");
    told.htmlFor = input.id;
    box.append(label, input, told);
    table.parentElement.before(box);
    const rows = Array.from(table.tBodies[0].rows);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row) => {
        row.hidden = !words.every((w) => row.textContent.toLowerCase().includes(w));
        shown += !row.hidden;
      });
      told.textContent = words.length ? shown + " of " + rows.length + " rows" : "";
    });
  });

  /* a picture that scrolls, in a narrow window, can be reached by keyboard; others need not be */
  const narrow = matchMedia("(max-width: 30rem)");
  const reach = () => all(".plot").forEach((box) => (narrow.matches ? box.setAttribute("tabindex", "0") : box.removeAttribute("tabindex")));
  narrow.addEventListener("change", reach);
  reach();

  /* pictures: from what they show to where it lies */
  const plots = {};
  all(".plot[data-figure]").forEach((box) => {
    const svg = box.querySelector("svg");
    if (svg) plots[box.dataset.figure] = { svg, frames: JSON.parse(svg.dataset.axes || "[]") };
  });
  const place = (frame, x, y) => [
    frame.left + ((x - frame.x[0]) / (frame.x[1] - frame.x[0])) * (frame.right - frame.left),
    frame.bottom - ((y - frame.y[0]) / (frame.y[1] - frame.y[0])) * (frame.bottom - frame.top),
  ];

  const tip = document.getElementById("tip");
  function nearest(shown, frame, px, py) {
    let best = null;
    shown.series.forEach((series) => {
      series.x.forEach((x, i) => {
        if (series.x[i] === null || series.y[i] === null) return;
        const [cx, cy] = place(frame, x, series.y[i]);
        const far = Math.hypot(cx - px, cy - py);
        if (far < 26 && (!best || far < best.far)) best = { far, cx, cy, series, i };
      });
    });
    return best;
  }
  Object.entries(data.hover).forEach(([key, shown]) => {
    const plot = plots[key];
    if (!plot || !plot.frames.length) return;
    const frame = plot.frames[0];
    const ring = svgNode("circle", { r: 5, class: "mark", visibility: "hidden" });
    plot.svg.append(ring);
    const hide = () => {
      tip.hidden = true;
      ring.setAttribute("visibility", "hidden");
    };
    plot.svg.addEventListener("pointermove", (event) => {
      const view = plot.svg.getBoundingClientRect();
      const scale = plot.svg.viewBox.baseVal.width / view.width;
      const found = nearest(shown, frame, (event.clientX - view.left) * scale, (event.clientY - view.top) * scale);
      if (!found) return hide();
      ring.setAttribute("cx", found.cx);
      ring.setAttribute("cy", found.cy);
      ring.setAttribute("visibility", "visible");
      const name = found.series.names ? found.series.names[found.i] + ", " + found.series.name : found.series.name;
      tip.textContent = name + "\n" + shown.x + " " + fixed(found.series.x[found.i], shown.digits) + "\n" + shown.y + " " + fixed(found.series.y[found.i], shown.digits);
      tip.hidden = false;
      tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
      tip.style.top = Math.max(event.clientY - tip.offsetHeight - 10, 4) + "px";
    });
    plot.svg.addEventListener("pointerleave", hide);
  });

  /* a row of the table of patients shows its mark in the picture */
  const people = document.getElementById("table-patients");
  if (people && plots.change && data.hover.change) {
    const ring = svgNode("circle", { r: 7, class: "mark", visibility: "hidden" });
    plots.change.svg.append(ring);
    people.addEventListener("pointerover", (event) => {
      const row = event.target.closest("tbody tr");
      all("tr.marked", people).forEach((r) => r.classList.remove("marked"));
      ring.setAttribute("visibility", "hidden");
      if (!row) return;
      const name = row.cells[0].dataset.sort;
      data.hover.change.series.forEach((series) => {
        const i = series.names.indexOf(name);
        if (i < 0) return;
        const [cx, cy] = place(plots.change.frames[0], series.x[i], series.y[i]);
        ring.setAttribute("cx", cx);
        ring.setAttribute("cy", cy);
        ring.setAttribute("visibility", "visible");
        row.classList.add("marked");
      });
    });
  }

  /* one threshold moves everything */
  const slider = document.getElementById("threshold");
  if (!slider || !data.explorer) return;
  const arms = Object.entries(data.explorer.arms);
  function counts(arm, t) {
    if (arm.tp) {
      const i = Math.round(100 * t);
      return { tp: arm.tp[i], fp: arm.fp[i], fn: arm.positive - arm.tp[i], tn: arm.negative - arm.fp[i] };
    }
    const c = { tp: 0, fp: 0, fn: 0, tn: 0 };
    arm.y.forEach((y, i) => (c[(y ? "tf" : "ft")[+(arm.p[i] < t)] + (arm.p[i] < t ? "n" : "p")] += 1));
    return c;
  }
  function share(k, n, limits) {
    if (!n) return "\u2013";
    if (limits) return fixed(k / n, 2) + " (" + fixed(limits[0], 2) + " to " + fixed(limits[1], 2) + ")";
    const z2 = 1.959963984540054 ** 2, p = k / n;
    const middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const half = (1.959963984540054 / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
    return fixed(p, 2) + " (" + fixed(Math.max(0, middle - half), 2) + " to " + fixed(Math.min(1, middle + half), 2) + ")";
  }
  function write(row, c, t, limits) {
    const n = c.tp + c.fp + c.fn + c.tn;
    const ends = (i) => limits && limits.slice(2 * i, 2 * i + 2); // where rows are clustered by patient; else Wilson's
    [
      share(c.tp, c.tp + c.fn, ends(0)), share(c.tn, c.tn + c.fp, ends(1)), fixed(c.tp / n - ((c.fp / n) * t) / (1 - t), 3),
      share(c.tp, c.tp + c.fp, ends(2)), share(c.tn, c.tn + c.fn, ends(3)),
      c.tp + " of " + (c.tp + c.fn), c.fp + " of " + (c.fp + c.tn),
    ].forEach((text, j) => (row.cells[j + 1].textContent = text));
  }
  const overlays = { dots: [], lines: [] };
  const key = data.explorer.key;
  if (plots.roc) {
    key.forEach((arm, i) => {
      const dot = svgNode("circle", { r: 5, style: "fill:var(--c" + (i + 1) + ");stroke:var(--paper);stroke-width:1.5" });
      plots.roc.svg.append(dot);
      overlays.dots.push([arm, dot]);
    });
  }
  ["decision", "risk"].forEach((name) => {
    if (!plots[name] || !plots[name].frames.length) return;
    const frame = plots[name].frames[0];
    const line = svgNode("line", { y1: frame.top, y2: frame.bottom, class: "cut" });
    plots[name].svg.append(line);
    overlays.lines.push([frame, line]);
  });
  function update() {
    const t = slider.value / 100;
    const percent = slider.value + "%";
    document.getElementById("threshold-value").textContent = percent;
    document.getElementById("threshold-caption").textContent = percent;
    slider.setAttribute("aria-valuetext", percent);
    const rows = all("#table-explorer tbody tr");
    const results = {};
    arms.forEach(([name, arm], i) => {
      const c = counts(arm, t);
      results[name] = c;
      write(rows[i], c, t, arm.limits && arm.limits[Math.round(100 * t)]);
    });
    const first = results[key.find((name) => results[name])];
    const limits = data.explorer.arms[key.find((name) => results[name])]?.limits;
    if (first && rows.length > arms.length) write(rows[arms.length], { tp: first.tp + first.fn, fp: first.fp + first.tn, fn: 0, tn: 0 }, t, limits && limits[0]);
    overlays.dots.forEach(([name, dot]) => {
      const c = results[name];
      if (!c) return dot.setAttribute("visibility", "hidden");
      const [cx, cy] = place(plots.roc.frames[0], c.fp / (c.fp + c.tn), c.tp / (c.tp + c.fn));
      dot.setAttribute("cx", cx);
      dot.setAttribute("cy", cy);
    });
    overlays.lines.forEach(([frame, line]) => {
      const [x] = place(frame, t, frame.y[0]);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    });
    const said = key.filter((name) => results[name]).slice(0, 2).map((name) => {
      const c = results[name];
      return data.names[name] + " finds " + c.tp + " of " + (c.tp + c.fn) + " with the outcome and wrongly calls " + c.fp + " of " + (c.fp + c.tn) + " without";
    });
    const price = t === 0.5 ? "a missed case and a needless treatment are taken to be equally bad" : t < 0.5 ? "one missed case is taken to be as bad as " + fixed((1 - t) / t, (1 - t) / t < 3 ? 1 : 0) + " needless treatments"
      : "one needless treatment is taken to be as bad as " + fixed(t / (1 - t), t / (1 - t) < 3 ? 1 : 0) + " missed cases";
    document.getElementById("threshold-said").textContent = "At " + percent + ", " + said.join("; ") + ". With this threshold " + price + ".";
  }
  slider.addEventListener("input", update);
  update();
})();
