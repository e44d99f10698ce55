//! The programs, and their registry.
