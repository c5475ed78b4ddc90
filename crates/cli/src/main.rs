//! The zklayout command line.
fn main() {}
