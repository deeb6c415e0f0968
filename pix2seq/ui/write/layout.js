// Where the parts of the stage stand: photo and what belongs to it, sentence and what is told of a token.

import { h } from "#kit/elements.js";
import { hero } from "#write/hero.js";

/** @import {Stage} from "#write/stage.js" */

/**
 * Place the parts; returns the column of panels, which scrolls on its own.
 * @param {Stage} stage
 */
export const layOut = (stage) => {
  stage.photo.shaped = (ratio, margins) => {
    const { style } = stage.root;
    style.setProperty("--ratio", ratio.toFixed(4));
    style.setProperty("--margin-x", `${margins.x}px`);
    style.setProperty("--margin-y", `${margins.y}px`);
  };
  const aside = h(
    "aside",
    { class: "p2s-inspector", "aria-label": "Inspector" },
    stage.inspector.node,
    stage.objects.node,
    stage.share.node
  );
  const main = [
    hero(),
    stage.forbidden.node,
    stage.photo.node,
    stage.toolbar.node,
    stage.timeline.node,
    stage.branches.node,
  ];
  stage.root.replaceChildren(
    h("div", { class: "p2s-main" }, ...main),
    h("div", { class: "p2s-side" }, stage.sentence.frame(stage.toolbar.units), aside, stage.presenter.hint),
    stage.toast.node,
    stage.objects.live
  );
  return aside;
};
