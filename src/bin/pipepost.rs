//! All programs in one executable.
fn main() {}
