// Questions to the server beside Gradio's queue (`questions.py` answers them).

/** Ask; a server that is gone comes back as an error, as a mistake in the question does. */
export const ask = async (server, name, question) => {
  try {
    return (await server[name](question)) || {};
  } catch (error) {
    return { error: "The server does not answer; is it still running?" };
  }
};
