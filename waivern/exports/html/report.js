// Sorts the table of findings by the column whose title is clicked. Without scripts, the table keeps its original order.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const titles = [...table.tHead.rows[0].cells];
  titles.forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const descending = title.getAttribute("aria-sort") === "ascending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
      const compare = (one, other) => key(one).localeCompare(key(other), undefined, { numeric: true });
      const rows = [...body.rows].sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
      body.append(...rows);
    });
  });
}
