//! The shared client module: straight-line code over one `Wire` each.
