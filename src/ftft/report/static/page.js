// Starts everything: the map first, then the charts, as the page has time.
"use strict";
(function () {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const NAMES = { light: "light", dark: "dark", "": "as the system" };

  function named() { button.textContent = `Colours: ${NAMES[root.dataset.theme ?? ""]}`; }

  function recoloured() { if (ftft.explorer?.map) ftft.explorer.recolour(); }

  button.addEventListener("click", () => {
    const next = { "": "dark", dark: "light", light: "" }[root.dataset.theme ?? ""];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try { localStorage.setItem("ftft-colours", next); } catch { /* storage may be forbidden */ }
    named();
    recoloured();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recoloured);
  named();

  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 30));

  function drawCharts() {
    const waiting = [...document.querySelectorAll("[data-chart]")];
    const next = () => {
      const element = waiting.shift();
      if (!element) { root.dataset.charts = "drawn"; return; }
      ftft.draw(element);
      later(next, { timeout: 500 });
    };
    next();
    const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => requestAnimationFrame(() => ftft.draw(target))));
    for (const element of document.querySelectorAll("[data-chart]")) resized.observe(element);
  }

  // What goes on outside of a box that scrolls sideways fades there.
  function fades(box) {
    const told = () => {
      const before = box.scrollLeft > 1, after = box.scrollLeft + box.clientWidth < box.scrollWidth - 1;
      box.dataset.more = [before && "left", after && "right"].filter(Boolean).join(" ");
    };
    box.addEventListener("scroll", told, { passive: true });
    const resized = new ResizeObserver(told);
    resized.observe(box);
    for (const child of box.children) resized.observe(child);
  }
  document.querySelectorAll(".scroll, nav ol").forEach(fades);

  ftft.charts = ftft.json("charts");
  for (const place of document.querySelectorAll("[data-swatch]")) {
    place.replaceChildren(...ftft.swatch(place.dataset.swatch, ftft.charts.methods).childNodes);
  }

  async function start() {
    const data = ftft.json("maps");
    if (data.maps.length) {
      ftft.explorer = new ftft.Explorer(data);
      await ftft.explorer.open(0);
    }
    root.dataset.map = "open";
  }

  start().catch((error) => {
    const place = document.getElementById("drawing");
    if (place) place.textContent = `The map cannot be drawn: ${error.message}`;
    console.error(error);
  }).finally(() => later(drawCharts, { timeout: 300 }));
})();
