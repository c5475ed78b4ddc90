//! Files that are written whole or not at all. It does not know what they hold.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How names of files that are being written start.
const TEMPORARY: &str = ".zklayout-";
/// A file that is still being written after this time belongs to a process that is gone.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// Writes bytes to a temporary file beside `path`, then renames it: the file is whole or absent, and as readable as any other that the
/// process makes.
///
/// # Errors
/// Whatever the system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write(path, bytes, false)
}

/// The same for a secret: nobody else than its owner can read it, where the system knows owners.
///
/// # Errors
/// Whatever the system says.
pub fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write(path, bytes, true)
}

fn write(path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    sweep(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(mode(secret));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// What the process's mask leaves of these are a file's permissions.
#[cfg(unix)]
fn mode(secret: bool) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(if secret { 0o600 } else { 0o666 })
}

/// Removes what killed processes left half-written long ago; whatever cannot be removed stays.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY)) {
        let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > LEFT_BEHIND) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    #[cfg(unix)]
    fn secrets_are_for_their_owner_and_others_as_readable_as_any_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("any"), b"").unwrap();
        super::write_whole(&at("proof"), b"public").unwrap();
        super::write_secret(&at("seed"), b"secret").unwrap();
        let mode = |name: &str| std::fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("proof"), mode("seed")), (mode("any"), 0o600));
    }
}
