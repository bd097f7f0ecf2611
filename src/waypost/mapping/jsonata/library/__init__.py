"""The functions of JSONata, by kind."""
