"""JMESPath expressions over records and bodies, compiled, with functions of our own."""
