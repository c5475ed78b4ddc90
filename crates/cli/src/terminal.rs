//! The standard output. A reader that is gone, as in `zklayout inspect MODEL | head`, is no failure: the work goes on.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line.
macro_rules! say {
    ($($text:tt)*) => { $crate::terminal::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line; ends the process if it cannot be written for another reason than that nobody reads.
pub(crate) fn line(text: Arguments<'_>) {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to the standard output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}
