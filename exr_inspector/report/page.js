"use strict";
// Draws what the page holds as data, and leads from findings to frames. Sends and loads nothing.

const byClass = (root, name) => root.querySelector("." + name);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const VIEWS = ["text", "accent", "warning", "error"]; // colours of the curves of views, in turn
const CURVES = { "R mean": "red", "G mean": "green", "B mean": "blue", "NaN and Inf": "error", "File size": "dim", "Render time": "dim" };
const drawings = []; // what is drawn in colours of the theme, or in a width, and has to be drawn again when these change

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function figure(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

const UNITS = {
  bytes: (v) => (v === null ? "–" : v >= 1e9 ? (v / 1e9).toFixed(2) + " GB" : v >= 1e6 ? (v / 1e6).toFixed(2) + " MB" : (v / 1e3).toFixed(0) + " kB"),
  seconds: (v) => (v === null ? "–" : v >= 120 ? (v / 60).toFixed(1) + " min" : figure(v) + " s"),
  count: figure,
  "": figure,
};

function fillTable(table, heads, rows) {
  if (table.tBodies.length) return;
  const head = table.createTHead().insertRow();
  for (const text of heads) {
    const cell = element("th", "number", text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const values of rows) {
    const row = body.insertRow();
    for (const value of values) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = value;
    }
  }
}

function start(section) {
  const data = JSON.parse(byClass(section, "data").textContent);
  const frames = data.frames;
  const item = data.item[0].toUpperCase() + data.item.slice(1);
  const cells = [...section.querySelectorAll(".sheet li")];
  const strip = byClass(section, "strip");
  const cursor = byClass(section, "cursor");
  const panel = byClass(section, "panel");
  const plots = byClass(section, "plots");
  const exposure = byClass(section, "exposure");
  let chosen = null;
  let charts = [];

  function choose(index) {
    if (index === chosen || index === null || index === undefined) return;
    if (chosen !== null) cells[chosen].classList.remove("chosen");
    chosen = index;
    cells[index].classList.add("chosen");
    cursor.style.display = "block";
    cursor.style.left = `calc(${(100 * index) / frames.length}% - 2px)`;
    cursor.style.width = `max(6px, calc(${100 / frames.length}% + 4px))`;
    strip.setAttribute("aria-valuenow", index);
    strip.setAttribute("aria-valuetext", `${data.item} ${frames[index]}, ${data.states[index]}`);
    const picture = cells[index].firstElementChild.cloneNode(true);
    const table = element("table");
    const add = (name, value) => {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = value;
    };
    add(item, String(frames[index]));
    for (const curve of data.series) add(curve.label, UNITS[curve.unit](curve.values[index]));
    panel.replaceChildren(picture, table);
    for (const number of data.notes[index] || []) {
      const [severity, code, text] = data.texts[number];
      const note = element("div", "note");
      note.append(element("span", "badge " + severity, code), " " + text);
      panel.append(note);
    }
  }

  function goTo(index) {
    choose(index);
    byClass(section, "frames-row").scrollIntoView({ block: "nearest" });
    for (const chart of charts) chart.setCursor({ left: chart.valToPos(frames[index], "x"), top: 0 }, false);
  }

  function drawPlots() {
    for (const chart of charts) chart.destroy();
    const width = plots.clientWidth;
    const axis = () => ({ stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "11px system-ui, sans-serif" });
    charts = data.plots.map((plot, number) => {
      const curves = plot.series.map((k) => data.series[k]);
      const isCount = curves[0].unit === "count";
      const series = curves.map((curve, k) => ({
        label: curve.label,
        stroke: colour(CURVES[curve.label] || VIEWS[k % VIEWS.length]),
        fill: isCount ? colour("error") : undefined,
        width: 1.4,
        paths: isCount ? uPlot.paths.bars({ size: [0.9, 10, 2] }) : undefined,
        points: { show: frames.length < 3 },
      }));
      return new uPlot(
        {
          title: plot.title,
          width,
          height: number ? 112 : 170,
          legend: { show: curves.length > 1, live: false },
          cursor: { sync: { key: section.id, setSeries: false }, drag: { setScale: false }, y: false, points: { size: 6 } },
          scales: { x: { time: false } },
          axes: [
            { ...axis(), space: 60, size: 26, values: (_, ticks) => ticks.map((v) => (Number.isInteger(v) ? String(v) : "")) },
            { ...axis(), space: 26, size: 66, values: (_, ticks) => ticks.map(UNITS[curves[0].unit]) },
          ],
          series: [{ label: item }, ...series],
          hooks: { setCursor: [(chart) => chart.cursor.left >= 0 && choose(chart.cursor.idx)] },
        },
        [frames, ...curves.map((curve) => curve.values)],
        plots,
      );
    });
  }

  function drawExposure() {
    if (!exposure || !data.exposure) return;
    const ratio = devicePixelRatio || 1;
    const width = (exposure.width = exposure.clientWidth * ratio);
    const height = (exposure.height = exposure.clientHeight * ratio);
    const pen = exposure.getContext("2d");
    const left = 58 * ratio;
    const step = (width - left) / frames.length;
    const row = height / data.stops.length;
    pen.fillStyle = colour("accent");
    data.exposure.forEach((shares, index) => {
      if (!shares) return;
      shares.forEach((share, stop) => {
        if (!share) return;
        pen.globalAlpha = Math.min(1, Math.sqrt(share / 400));
        pen.fillRect(left + index * step, height - (stop + 1) * row, Math.ceil(step), Math.ceil(row));
      });
    });
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("error");
    const one = height - data.stops.indexOf(0) * row;
    pen.beginPath();
    pen.moveTo(left, one);
    pen.lineTo(width, one);
    pen.stroke();
    pen.fillStyle = colour("dim");
    pen.font = `${11 * ratio}px system-ui, sans-serif`;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    data.stops.forEach((stop, number) => {
      if (stop % 4 === 0) pen.fillText(`${stop > 0 ? "+" : ""}${stop} stops`, left - 8 * ratio, Math.min(Math.max(height - number * row, 8 * ratio), height - 8 * ratio));
    });
  }

  function listen() {
    strip.style.setProperty("--frame", `${100 / frames.length}%`);
    strip.classList.toggle("split", frames.length <= 300);
    const at = (event) => {
      const box = strip.getBoundingClientRect();
      return Math.max(0, Math.min(frames.length - 1, Math.floor(((event.clientX - box.left) / box.width) * frames.length)));
    };
    strip.addEventListener("pointermove", (event) => choose(at(event)));
    strip.addEventListener("click", (event) => goTo(at(event)));
    strip.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: 10, PageUp: -10, Home: -frames.length, End: frames.length };
      if (!(event.key in steps)) return;
      event.preventDefault();
      goTo(Math.max(0, Math.min(frames.length - 1, chosen + steps[event.key])));
    });
    section.addEventListener("click", (event) => {
      const link = event.target.closest("[data-cell]");
      if (!link) return;
      event.preventDefault();
      goTo(Number(link.dataset.cell));
    });
    const figures = byClass(section, "figures");
    figures.closest("details").addEventListener("toggle", () => {
      const heads = [item, "State", ...data.series.map((curve) => curve.label)];
      fillTable(figures, heads, frames.map((frame, i) => [frame, data.states[i], ...data.series.map((curve) => UNITS[curve.unit](curve.values[i]))]));
    });
    const exposures = byClass(section, "exposures");
    if (exposures) {
      exposures.closest("details").addEventListener("toggle", () => {
        const heads = [item, ...data.stops.map((stop) => `${stop > 0 ? "+" : ""}${stop}`)];
        fillTable(exposures, heads, frames.map((frame, i) => [frame, ...(data.exposure[i] || data.stops.map(() => null)).map((share) => (share === null ? "–" : (share / 10).toFixed(1) + " %"))]));
      });
    }
  }

  function filterFindings() {
    const bar = byClass(section, "filters");
    if (!bar) return;
    bar.hidden = false;
    const rows = [...section.querySelectorAll(".findings tbody tr")];
    const buttons = [...bar.querySelectorAll("button")];
    const search = bar.querySelector("input");
    if (rows.every((row) => row.dataset.severity === "info")) buttons[2].setAttribute("aria-pressed", "true");
    const apply = () => {
      const shown = buttons.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.dataset.severity);
      const wanted = search.value.trim().toLowerCase();
      const cell = frames.indexOf(Number(wanted || NaN));
      for (const row of rows) {
        const matches = !wanted || row.textContent.toLowerCase().includes(wanted) || (cell >= 0 && (data.notes[cell] || []).some((n) => data.texts[n][1] === row.cells[1].textContent));
        row.hidden = !(shown.includes(row.dataset.severity) && matches);
      }
      byClass(section, "empty").hidden = rows.some((row) => !row.hidden);
    };
    for (const button of buttons) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
        apply();
      });
    }
    search.addEventListener("input", apply);
    apply();
  }

  function buttons() {
    const only = byClass(section, "only");
    only.hidden = !data.states.some((state) => state !== "ok");
    only.addEventListener("click", () => {
      only.setAttribute("aria-pressed", section.classList.toggle("only-bad"));
    });
    const copy = byClass(section, "copy");
    if (copy && navigator.clipboard) {
      copy.hidden = false;
      copy.addEventListener("click", async () => {
        await navigator.clipboard.writeText(byClass(section, "again").querySelector("code").textContent);
        copy.textContent = "Copied";
      });
    }
  }

  listen();
  filterFindings();
  buttons();
  choose(Math.max(0, data.states.findIndex((state) => state === "error")));
  drawings.push(() => {
    drawPlots();
    drawExposure();
  });
}

function drawAll() {
  for (const draw of drawings) draw();
}

function themes() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    drawAll();
  });
  dark.addEventListener("change", drawAll);
  let onScreen = null; // the theme before printing, which is light
  matchMedia("print").addEventListener("change", (event) => {
    if (event.matches === (onScreen !== null)) return;
    if (event.matches) onScreen = root.dataset.theme || "";
    root.dataset.theme = event.matches ? "light" : onScreen;
    if (!event.matches) onScreen = null;
    drawAll();
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) drawAll();
    width = innerWidth;
  });
}

document.documentElement.classList.add("ready");
document.querySelectorAll("section.sequence").forEach(start);
themes();
drawAll();
