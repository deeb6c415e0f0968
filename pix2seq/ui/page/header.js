// The header's switch between light and dark.

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
  partOf(element, "[data-actions]").replaceChildren(theme);
};
