// The header's buttons: presenter mode, and the switch between light and dark.

import { emit } from "#kit/bus.js";
import { h, partOf } from "#kit/elements.js";

/** @param {Element} element */
export const mountActions = (element) => {
  const dark = () => document.body.classList.contains("dark");
  const theme = h("button", { type: "button", class: "p2s-button", "data-theme-switch": "" });
  const show = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`);
  };
  theme.addEventListener("click", () => {
    document.body.classList.toggle("dark");
    try {
      localStorage.setItem("p2s-theme", dark() ? "dark" : "light");
    } catch (error) {
      // storage may be blocked; the switch still works for this visit
    }
    show();
  });
  try {
    const kept = localStorage.getItem("p2s-theme");
    if (kept) document.body.classList.toggle("dark", kept === "dark");
  } catch (error) {
    // as above
  }
  show();
  const present = h(
    "button",
    {
      type: "button",
      class: "p2s-button",
      "data-present": "",
      title: "Photo and sentence alone, in large type (key P)",
      onclick: () => emit("present"),
    },
    "Present"
  );
  const tour = h(
    "button",
    { type: "button", class: "p2s-button", "data-tour-small": "", onclick: () => emit("tour") },
    "Tour"
  );
  partOf(element, "[data-actions]").replaceChildren(tour, present, theme);
};
