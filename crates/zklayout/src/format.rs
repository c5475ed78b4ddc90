//! Which format a model file has. It reads none of them.

use std::path::Path;

/// What an artefact's file starts with.
const SAVED: &[u8] = b"zklayout";
/// What a TensorFlow Lite file holds after its first four bytes.
const TFLITE: &[u8] = b"TFL3";

/// The formats of model files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// ONNX, which is anything else.
    Onnx,
    /// TensorFlow Lite.
    Tflite,
    /// A quantised model that was saved.
    Quantised,
}

impl Format {
    /// The format by a file's first bytes, or else by its extension.
    pub(crate) fn of(bytes: &[u8], path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if bytes.starts_with(SAVED) => Self::Quantised,
            _ if bytes.get(4..).is_some_and(|rest| rest.starts_with(TFLITE)) => Self::Tflite,
            Some("quantised") => Self::Quantised,
            Some("tflite") => Self::Tflite,
            _ => Self::Onnx,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_before_extensions() {
        let cases: [(&[u8], &str, Format); 6] = [
            (b"zklayoutqmdl", "model.onnx", Format::Quantised),
            (b"\x1c\0\0\0TFL3", "model.onnx", Format::Tflite),
            (b"", "model.tflite", Format::Tflite),
            (b"garbage", "model.quantised", Format::Quantised),
            (b"\x08\x07", "model.onnx", Format::Onnx),
            (b"TFL3", "model", Format::Onnx),
        ];
        for (bytes, path, format) in cases {
            assert_eq!(Format::of(bytes, Path::new(path)), format, "{path}");
        }
    }
}
