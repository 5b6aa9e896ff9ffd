// The library: the same stack that the command line runs, inside a program or a test.
export {}
