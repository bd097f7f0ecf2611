"""Electronic data interchange: readers on an offset table, grammars as data, acknowledgements."""
