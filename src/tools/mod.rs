//! The programs, and their registry [`ALL`], which feeds src/bin, the executable `pipepost`, the pages, the completions and the
//! tests.
