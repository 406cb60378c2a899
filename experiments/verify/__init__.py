"""Parts of the experiment verification: rows of its table, by family of models, and its page of figures."""
