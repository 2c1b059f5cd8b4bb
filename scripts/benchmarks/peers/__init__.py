"""The same training in each program that `endtoend` compares, a script each."""
