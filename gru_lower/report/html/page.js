"use strict";
// Folded parts open for printing, and where a link leads into them; choices hide rows of the table behind them.
const opened = [];
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    each.open = true;
    opened.push(each);
  }
});
addEventListener("afterprint", () => {
  for (const each of opened.splice(0)) each.open = false;
});
function reveal() {
  let there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let each = there; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  if (there && there.tagName === "DETAILS") there.querySelector("summary").focus();
}
addEventListener("hashchange", reveal);
reveal();
for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...form.parentElement.querySelectorAll("tr[data-keys]")];
  const chosen = [...form.querySelectorAll("select")];
  const filter = () => {
    let shown = 0;
    for (const row of rows) {
      const keys = row.dataset.keys.split(" ");
      row.hidden = chosen.some((each) => each.value && !keys.includes(each.value));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length}`;
  };
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
