"""One scenario a module; ``run(bench)`` measures it and adds rows to the report."""
