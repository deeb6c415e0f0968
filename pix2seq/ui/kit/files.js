// Files that leave the page.

import { h } from "#kit/elements.js";

/**
 * Save data the page holds as a file.
 * @param {string} name
 * @param {Blob} content
 */
export const download = (name, content) => {
  const url = URL.createObjectURL(content);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
