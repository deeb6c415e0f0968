// What a mistake says to the person at the page.

/** @param {unknown} error whatever was thrown */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
