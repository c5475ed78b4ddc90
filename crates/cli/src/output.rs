//! Folders that are written to in the end, tried before anything is spent.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// How often a folder is tried that disappears.
const TRIES: usize = 64;

/// Creates a folder and a file in it, and removes both: whatever is in the way is found now.
pub(crate) fn try_folder(folder: &Path) -> Result<(), CliError> {
    let missing = missing(folder);
    let write =
        || std::fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder).map(drop));
    // Another run that tries the same folder may remove it between the two steps.
    let gone = |tried: &Result<(), Error>| matches!(tried, Err(error) if error.kind() == ErrorKind::NotFound);
    let tried = (1..TRIES).map(|_| write()).find(|tried| !gone(tried)).unwrap_or_else(write);
    // The innermost first; one that another process has filled meanwhile stays.
    for made in missing {
        let _ = std::fs::remove_dir(made);
    }
    tried.map_err(|source| CliError::Write { path: folder.to_owned(), source })
}

/// The folder that a file is in.
pub(crate) fn parent(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The folders that would be made, the innermost first.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let named = folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty());
    named.take_while(|ancestor| !ancestor.exists()).map(Path::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_another_run_removes_is_tried_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let folder = folder.clone();
                std::thread::spawn(move || (0..200).filter(|_| try_folder(&folder).is_err()).count())
            })
            .collect();
        let failures: usize = runs.into_iter().map(|run| run.join().unwrap()).sum();
        assert_eq!(failures, 0);
    }

    #[test]
    fn trying_a_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        try_folder(&root.path().join("a/b/c")).unwrap();
        assert!(!root.path().join("a").exists());
        std::fs::write(root.path().join("file"), "").unwrap();
        let refused = try_folder(&root.path().join("file/below")).unwrap_err().to_string();
        assert!(refused.contains("cannot write") && refused.contains("below"), "{refused}");
    }
}
