"use strict";
(() => {
  // A box that looks through the rows of a table.
  for (const input of document.querySelectorAll("input[data-rows]")) {
    const rows = [...document.getElementById(input.dataset.rows).tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const told = input.parentNode.querySelector("output");
    input.closest("[hidden]").hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let count = 0;
      rows.forEach((row, at) => {
        row.hidden = !texts[at].includes(wanted);
        count += !row.hidden;
      });
      told.value = wanted ? `${count} of ${rows.length}` : "";
    });
  }
  // A mark that is clicked leads to its row; what is folded away around an anchor unfolds.
  const reveal = () => {
    const found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = found; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    if (found) found.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-to]");
    if (mark) location.hash = mark.dataset.to;
  });
  reveal();
})();
