// The sentence above the photo, and the buttons that concern the whole page.

(() => {
  const { h } = P2S;

  function role(name) {
    return h("span", { class: "p2s-role", "data-role": name }, name);
  }

  P2S.hero = () => {
    const words = ["ymin", "xmin", "ymax", "xmax", "class"].flatMap((name) => [role(name), ", "]);
    words.pop();
    return h(
      "div",
      { class: "p2s-hero" },
      h("p", {}, "A detector that writes: ", ...words, "."),
      h(
        "div",
        { class: "p2s-hero-buttons" },
        h("button", { type: "button", class: "p2s-button", onclick: P2S.usePhoto }, "Use my photo"),
        h(
          "button",
          { type: "button", class: "p2s-button", "data-tour": "", onclick: () => P2S.emit("tour") },
          "Take the tour"
        )
      )
    );
  };

  /** Open the file chooser of the photo widget. */
  P2S.usePhoto = () => {
    const input = document.querySelector("#image input[type=file]");
    if (input) input.click();
    else document.querySelector("#image button")?.click();
  };

  /** On a phone the controls are a sheet over the page. */
  P2S.toggleSheet = () => {
    const open = document.body.classList.toggle("p2s-sheet");
    document.querySelector("#sheet").setAttribute("aria-expanded", String(open));
  };

  P2S.mountActions = (element) => {
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
    element.querySelector("[data-actions]").replaceChildren(theme);
  };
})();
