// Light or dark as the system says, unless the reader chose.
"use strict";
(function () {
  let kept = null;
  try { kept = localStorage.getItem("ftft-colours"); } catch { /* storage may be forbidden */ }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
