//! Weights in files beside the model. A model names such files itself, so that they are looked for in its own folder and
//! nowhere else: no absolute path, no `..`, no link that leads out. Nothing is read beyond a file's end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tract_onnx::pb;

/// The bytes of a tensor, of which its shape and type ask for `expected`.
pub(super) fn read(proto: &pb::TensorProto, folder: Option<&Path>, expected: usize) -> Result<Vec<u8>, String> {
    let entry =
        |key: &str| proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| format!("its {key} {text:?} is no number of bytes"))
        }
    };
    let location = entry("location").ok_or("its data is in another file, which it does not name")?;
    let folder =
        folder.ok_or_else(|| format!("its data is in {location:?}, but the model is read from memory"))?;
    let path = confined(folder, location)?;
    let wrong = |error: std::io::Error| format!("its data in {} cannot be read: {error}", path.display());
    let mut file = File::open(&path).map_err(wrong)?;
    let size = file.metadata().map_err(wrong)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(size.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(format!(
            "its {length} bytes from {offset} on reach beyond {}, which has {size}",
            path.display()
        ));
    }
    if length != expected as u64 {
        return Err(format!("it has {length} bytes in {}, its shape and type ask for {expected}", path.display()));
    }
    let mut bytes = vec![0; expected];
    file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(wrong)?;
    Ok(bytes)
}

/// A file of the folder, if it is inside.
fn confined(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let inside =
        Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || location.is_empty() {
        return Err(format!("its data is in {location:?}; only files in the model's own folder are read"));
    }
    let path = folder.join(location);
    let real = |path: &Path| {
        path.canonicalize().map_err(|e| format!("its data in {} cannot be read: {e}", path.display()))
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !real(&path)?.starts_with(real(folder)?) {
        return Err(format!("its data in {location:?} is a link out of the model's folder"));
    }
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tensor(entries: &[(&str, &str)]) -> pb::TensorProto {
        let entry = |(key, value): &(&str, &str)| pb::StringStringEntryProto {
            key: (*key).into(),
            value: (*value).into(),
        };
        pb::TensorProto { external_data: entries.iter().map(entry).collect(), ..Default::default() }
    }

    #[test]
    fn data_is_read_from_the_folder_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("w.bin"), [1u8, 2, 3, 4, 5, 6]).unwrap();
        std::fs::write(root.path().join("secret"), [7u8; 6]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
        let read = |entries: &[(&str, &str)], expected| read(&tensor(entries), Some(&folder), expected);
        assert_eq!(read(&[("location", "w.bin"), ("offset", "2"), ("length", "3")], 3).unwrap(), [3, 4, 5]);
        assert_eq!(read(&[("location", "./w.bin"), ("offset", "4")], 2).unwrap(), [5, 6]);
        let secret = root.path().join("secret").display().to_string();
        let refused: [(&[(&str, &str)], &str); 9] = [
            (&[("location", "../secret")], "own folder"),
            (&[("location", &secret)], "own folder"),
            (&[("location", "link")], "link out"),
            (&[("location", "absent")], "cannot be read"),
            (&[], "does not name"),
            (&[("location", "w.bin"), ("offset", "5"), ("length", "6")], "beyond"),
            (&[("location", "w.bin"), ("offset", "18446744073709551615"), ("length", "6")], "beyond"),
            (&[("location", "w.bin"), ("length", "5")], "ask for 6"),
            (&[("location", "w.bin"), ("offset", "-1")], "no number"),
        ];
        for (entries, reason) in refused {
            let error = read(entries, 6).unwrap_err();
            assert!(error.contains(reason), "{entries:?}: {error}");
        }
        assert!(super::read(&tensor(&[("location", "w.bin")]), None, 6).unwrap_err().contains("from memory"));
    }
}
